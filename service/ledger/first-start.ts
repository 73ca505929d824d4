/** What a service finds or makes when it starts: one first team, one set of keys, one secret, however many start at once. */
import { textOf } from '../store/sql.js';
import type { KeyRecord, Team } from '../store/store.js';
import { SERVICE_ACTOR } from './audit.js';
import type { LedgerContext } from './context.js';
import { addKey, createTeam, listKeys, listTeams } from './teams.js';

/** The first team; it is made where there is none. Of several that ask at once one makes it. */
export async function ensureFirstTeam(context: LedgerContext, { name }: { readonly name: string }): Promise<Team> {
  return (await listTeams(context))[0] ?? createTeam(context, name);
}

/** Keeps keys for a team that has none yet, all of them or none. Returns whether it did. */
export async function addFirstKeys(
  context: LedgerContext,
  teamId: string,
  keys: readonly Omit<KeyRecord, 'id' | 'createdAtMs' | 'teamId'>[],
): Promise<boolean> {
  if ((await listKeys(context, teamId)).length > 0) return false;
  for (const key of keys) await addKey(context, { ...key, teamId }, SERVICE_ACTOR);
  return true;
}

/** Keeps a value under a name that has none yet. Returns the value that is kept. */
export async function keepSetting(
  context: LedgerContext,
  setting: { readonly name: string; readonly value: string },
): Promise<string> {
  await context.sql.query('insert-setting', setting);
  const [row] = await context.sql.query('select-setting', { name: setting.name });
  if (row === undefined) throw new Error(`the setting ${setting.name} was not kept`);
  return textOf(row, 'value');
}
