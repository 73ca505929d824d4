/** What can be done to keys, said once: the running service does it for the CLI, and the CLI itself when none runs. */
import type { KeyRecord, KeyScope, Store, Team } from '../store/store.js';
import { type MintedKey, mintKey } from './keys.js';

/** A key as people see it: never the key, never its hash. */
export interface KeySummary {
  readonly id: string;
  readonly teamId: string;
  readonly scope: KeyScope;
  readonly label: string;
  /** The last four characters. */
  readonly hint: string;
  readonly created: string;
  readonly revoked: string | null;
  /** Requests a second; `null`: the service's limit. */
  readonly ratePerSecond: number | null;
}

/** One command about keys. `teamId` left out means the first team. */
export type KeyCommand =
  | {
      readonly command: 'create';
      readonly scope: KeyScope;
      readonly label: string;
      readonly teamId?: string | undefined;
      /** Requests a second. @defaultValue the service's limit */
      readonly ratePerSecond?: number | undefined;
    }
  | { readonly command: 'list'; readonly teamId?: string | undefined; readonly allTeams?: boolean | undefined }
  /** A new key like it. The old one is revoked, unless `keepOld`. */
  | { readonly command: 'rotate'; readonly id: string; readonly keepOld?: boolean | undefined }
  | { readonly command: 'revoke'; readonly id: string };

/** What a command gave. `key` is the new key itself, shown this once. */
export type KeyCommandResult =
  | { readonly outcome: 'created'; readonly key: string; readonly summary: KeySummary }
  | { readonly outcome: 'listed'; readonly keys: readonly KeySummary[] }
  | { readonly outcome: 'revoked' }
  | { readonly outcome: 'refused'; readonly reason: string };

/** Carries out a command. What a person got wrong comes back as `refused`. */
export async function runKeyCommand(store: Store, command: KeyCommand): Promise<KeyCommandResult> {
  if (command.command === 'revoke') {
    const known = await store.revokeKey(command.id);
    return known ? { outcome: 'revoked' } : refused(`there is no active key with the id ${command.id}`);
  }
  if (command.command === 'rotate') return rotate(store, command.id, command.keepOld === true);
  if (command.command === 'list' && command.allTeams === true) return listAll(store);
  const team = await findTeam(store, command.teamId);
  if (team === undefined)
    return refused(command.teamId === undefined ? 'there is no team yet' : 'there is no such team');
  if (command.command === 'list') {
    return { outcome: 'listed', keys: (await store.listKeys(team.id)).map(summaryOf) };
  }
  const minted: MintedKey = await mintKey(store, team.id, command.scope, command.label, command.ratePerSecond);
  return { outcome: 'created', key: minted.key, summary: summaryOf(minted.record) };
}

async function listAll(store: Store): Promise<KeyCommandResult> {
  const keys: KeySummary[] = [];
  for (const { id } of await store.listTeams()) keys.push(...(await store.listKeys(id)).map(summaryOf));
  return { outcome: 'listed', keys };
}

/** The new one first: whatever ends this half-way leaves a key that works. */
async function rotate(store: Store, id: string, keepOld: boolean): Promise<KeyCommandResult> {
  for (const team of await store.listTeams()) {
    const old = (await store.listKeys(team.id)).find((key) => key.id === id && key.revokedAtMs === undefined);
    if (old === undefined) continue;
    const minted = await mintKey(store, team.id, old.scope, old.label, old.ratePerSecond);
    if (!keepOld) await store.revokeKey(id);
    return { outcome: 'created', key: minted.key, summary: summaryOf(minted.record) };
  }
  return refused(`there is no active key with the id ${id}`);
}

function refused(reason: string): KeyCommandResult {
  return { outcome: 'refused', reason };
}

async function findTeam(store: Store, teamId: string | undefined): Promise<Team | undefined> {
  return teamId === undefined ? (await store.listTeams())[0] : store.getTeam(teamId);
}

function summaryOf(key: KeyRecord): KeySummary {
  return {
    id: key.id,
    teamId: key.teamId,
    scope: key.scope,
    label: key.label,
    hint: key.hint,
    created: new Date(key.createdAtMs).toISOString(),
    revoked: key.revokedAtMs === undefined ? null : new Date(key.revokedAtMs).toISOString(),
    ratePerSecond: key.ratePerSecond ?? null,
  };
}
