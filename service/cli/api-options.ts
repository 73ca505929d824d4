/** The flags that every command over the API takes. */
import type { Command } from 'commander';

/** Adds address, key, team and output form. */
export function withApiOptions(command: Command): Command {
  return command
    .option('--url <address>', 'the service (REVENIUM_METERING_BASE_URL, http://127.0.0.1:8787)')
    .option('--key <key>', 'the key (REVENIUM_WRITE_API_KEY; better there than in the shell history)')
    .option('--team <id>', "the team (REVENIUM_TEAM_ID, the key's own)")
    .option('--json', 'print JSON');
}
