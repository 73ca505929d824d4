/** The first start: a service without a team gets one, with a key of each kind. */
import type { Store, Team } from '../store/store.js';
import { mintKey } from './keys.js';

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

/** Makes the first team and its keys where they are missing; a start that was cut off half-way is completed. */
export async function ensureFirstTeam(store: Store, name: string): Promise<FirstTeam> {
  const team = (await store.listTeams())[0] ?? (await store.createTeam(name));
  const isComplete = (await store.listKeys(team.id)).length > 0;
  return { team, keys: isComplete ? undefined : await mintKeys(store, team.id, 'first start') };
}

/** A key of each kind. */
export async function mintKeys(store: Store, teamId: string, label: string): Promise<ClearKeys> {
  const metering = await mintKey(store, teamId, 'metering', label);
  const write = await mintKey(store, teamId, 'write', label);
  return { metering: metering.key, write: write.key };
}
