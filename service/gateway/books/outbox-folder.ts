/** Where the gateway keeps what it metered until the ledger has it: a folder for each team, below the data folder. */
import { join } from 'node:path';
import { ownerFolder } from 'fusewire/internal';

/** The folder that holds those of all teams. */
export function outboxRoot(dataDir: string): string {
  return join(dataDir, 'gateway-outbox');
}

/** Whose an outbox is. */
export function outboxOwner(teamId: string) {
  return { origin: 'fusewire:gateway', teamId };
}

/** The folder of one team's; also where it is not there yet. */
export function outboxFolder(dataDir: string, teamId: string): string {
  return ownerFolder(outboxRoot(dataDir), outboxOwner(teamId));
}
