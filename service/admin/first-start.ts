/** The first start: a service without a team gets one, with a key of each kind. */
import type { Store, Team } from '../store/store.js';
import { mintKey, newKey } from './keys.js';

const FIRST_LABEL = 'first start';

/** The keys of a team, in clear: known only at the moment at which they are made. */
export interface ClearKeys {
  readonly metering: string;
  readonly write: string;
}

/** The first team, and its keys where they were made just now. */
export interface FirstTeam {
  readonly team: Team;
  readonly keys: ClearKeys | undefined;
}

/**
 * Makes the first team and its keys where they are missing; a start that was cut off half-way is completed. Of several
 * services that start at once on one database one makes them, and it alone has the keys.
 */
export async function ensureFirstTeam(store: Store, name: string): Promise<FirstTeam> {
  const team = await store.ensureFirstTeam({ name });
  if ((await store.listKeys(team.id)).length > 0) return { team, keys: undefined };
  const metering = newKey(team.id, 'metering', FIRST_LABEL);
  const write = newKey(team.id, 'write', FIRST_LABEL);
  const areKept = await store.addFirstKeys(team.id, [metering.kept, write.kept]);
  return { team, keys: areKept ? { metering: metering.key, write: write.key } : undefined };
}

/** A key of each kind. */
export async function mintKeys(store: Store, teamId: string, label: string): Promise<ClearKeys> {
  const metering = await mintKey(store, teamId, 'metering', label);
  const write = await mintKey(store, teamId, 'write', label);
  return { metering: metering.key, write: write.key };
}
