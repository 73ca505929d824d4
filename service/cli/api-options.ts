/** The flags that every command over the API takes. */
import type { Command } from 'commander';
import { NEEDS_RUNNING } from './needs.js';

/** Adds address, key, team and output form. The command needs the running service. */
export function withApiOptions(command: Command): Command {
  return command
    .option('--url <address>', 'the service (REVENIUM_METERING_BASE_URL, http://127.0.0.1:8787)')
    .option('--key <key>', 'the key (REVENIUM_WRITE_API_KEY; better there than in the shell history)')
    .option('--team <id>', "the team (REVENIUM_TEAM_ID, the key's own)")
    .option('--data-dir <folder>', 'without a key: the data folder of the service on this machine (FUSEWIRE_DATA_DIR)')
    .option('--json', 'print JSON')
    .addHelpText('after', NEEDS_RUNNING);
}
