/** The throwaway team of `fusewire doctor`: one for each installation, since teams cannot be deleted. */
import type { Store, Team } from '../store/store.js';
import { type MintedKey, mintKey } from './keys.js';

/** By this name people know it. */
export const DOCTOR_TEAM_NAME = 'fusewire doctor (synthetic calls only)';
const KEY_LABEL = 'fusewire doctor';
/** No examination takes so long: keys that are older were left behind. */
const KEY_AGE_MAX_MS = 3_600_000;

/** The team and keys for one examination. Whoever gets them revokes the keys when it is over. */
export interface DoctorTeam {
  readonly team: Team;
  readonly metering: { readonly id: string; readonly key: string };
  readonly write: { readonly id: string; readonly key: string };
}

/**
 * Finds the team or makes it, and mints keys of it. Keys that an examination left behind are revoked. The first
 * team of an installation is never taken for it, whatever its name.
 */
export async function ensureDoctorTeam(store: Store, nowMs: number): Promise<DoctorTeam> {
  const [, ...others] = await store.listTeams();
  const team = others.find(({ name }) => name === DOCTOR_TEAM_NAME) ?? (await store.createTeam(DOCTOR_TEAM_NAME));
  for (const { id, createdAtMs, revokedAtMs } of await store.listKeys(team.id)) {
    if (revokedAtMs === undefined && nowMs - createdAtMs > KEY_AGE_MAX_MS) await store.revokeKey(id);
  }
  const metering = await mintKey(store, team.id, 'metering', KEY_LABEL);
  const write = await mintKey(store, team.id, 'write', KEY_LABEL);
  return { team, metering: shown(metering), write: shown(write) };
}

function shown({ key, record }: MintedKey): { readonly id: string; readonly key: string } {
  return { id: record.id, key };
}
