/** What an operation of the ledger works with: one transaction, one instant, what it remembers, what it changed. */
import type { Log } from 'fusewire/internal';
import type { TeamScope } from '../compile/team-scope.js';
import type { Catalogue } from '../pricing/catalogue.js';
import type { PriceBook } from '../pricing/price-book.js';
import { flagOf, numberOf, type Sql } from '../store/sql.js';
import { StoreError } from '../store/store-error.js';
import type { BalanceBook } from './balance-book.js';
import type { Directory } from './directory.js';
import type { PendingNote } from './enforcement-log.js';
import { WindowMemo } from './window-memo.js';

/**
 * Read copies of what is in the store, each with the version that it was read at. Filled inside transactions, so all
 * of it is dropped when one fails.
 */
export interface LedgerCache {
  readonly scopes: Map<string, { readonly version: number; readonly scope: TeamScope }>;
  readonly prices: Map<string, { readonly version: number; readonly book: PriceBook }>;
  /** `team\nemail` to subscriber id: an alias never changes once it is there. */
  readonly aliases: Map<string, string>;
  /** `team\ngroup\nspelling` that are kept already. */
  readonly spellings: Set<string>;
  /** Jobs, with what events say of them, that are kept already. */
  readonly jobs: Set<string>;
  /** Departments and the memberships that were looked up. */
  readonly directories: Map<string, Directory>;
  /** Most events fall into the window of the one before. */
  readonly windows: WindowMemo;
}

/** What an operation changed, for those who keep compiled feeds. */
export interface Effects {
  /** Team to its new revision. */
  readonly moved: Map<string, number>;
  /** Teams whose current values changed. */
  readonly touched: Set<string>;
  /** Team to what changed in its feed; see `noteFeedChange`. */
  readonly feedChanges: Map<string, Set<string>>;
  /** Enforcement events that are not written yet; see `noteEnforcement`. */
  readonly notes: PendingNote[];
}

/** The surroundings of one operation. `nowMs` is one instant for all of it. */
export interface LedgerContext {
  readonly sql: Sql;
  /** Balances are moved through it, and `sql` is aware of it. */
  readonly balances: BalanceBook;
  readonly nowMs: number;
  newId(): string;
  readonly log: Log;
  readonly catalogue: Catalogue;
  readonly cache: LedgerCache;
  readonly effects: Effects;
  /** Events that a control meets in one transaction when it is filled. */
  readonly fillSlice: number;
}

/** The versions of a team. */
export interface TeamState {
  readonly revision: number;
  readonly controlsVersion: number;
  readonly pricesVersion: number;
  /** 0: the team never had a directory of departments. */
  readonly directoryVersion: number;
  /** Some control of the team is still meeting its events. */
  readonly filling: boolean;
}

/** Aliases and spellings beyond this are looked up again (I10). */
const REMEMBERED_MAX = 50_000;

/** An empty cache. */
export function createLedgerCache(): LedgerCache {
  return {
    scopes: new Map(),
    prices: new Map(),
    aliases: new Map(),
    spellings: new Set(),
    directories: new Map(),
    jobs: new Set(),
    windows: new WindowMemo(),
  };
}

/** No change yet. */
export function createEffects(): Effects {
  return { moved: new Map(), touched: new Set(), feedChanges: new Map(), notes: [] };
}

/** Forgets everything: after a rollback the copies may hold what never was. */
export function clearLedgerCache(cache: LedgerCache): void {
  cache.scopes.clear();
  cache.prices.clear();
  cache.aliases.clear();
  cache.spellings.clear();
  cache.directories.clear();
  cache.jobs.clear();
}

/** Keeps a cache within its bound. */
export function makeRoom(collection: { readonly size: number; clear(): void }): void {
  if (collection.size >= REMEMBERED_MAX) collection.clear();
}

/** Reads a team's versions. @throws StoreError `UNKNOWN_TEAM` */
export async function readTeamState(context: LedgerContext, teamId: string): Promise<TeamState> {
  const [row] = await context.sql.query('select-team-state', { id: teamId });
  if (row === undefined) throw new StoreError('UNKNOWN_TEAM', `there is no team ${teamId}`);
  return {
    revision: numberOf(row, 'revision'),
    controlsVersion: numberOf(row, 'controls_version'),
    pricesVersion: numberOf(row, 'prices_version'),
    directoryVersion: numberOf(row, 'directory_version'),
    filling: flagOf(row, 'filling'),
  };
}

/** The next number of a sequence of the store. Sequences never answer backwards. */
export async function nextInSequence(
  context: LedgerContext,
  name: 'department' | 'revision' | 'rule' | 'team',
): Promise<number> {
  const [row] = await context.sql.query('next-sequence', { name });
  if (row === undefined) throw new Error(`there is no sequence ${name}`);
  return numberOf(row, 'value');
}

/** Moves the team's revision: a verdict, a warning or a control changed. Once an operation is enough. */
export async function moveRevision(context: LedgerContext, teamId: string): Promise<number> {
  const already = context.effects.moved.get(teamId);
  if (already !== undefined) return already;
  const revision = await nextInSequence(context, 'revision');
  await context.sql.query('set-team-revision', { id: teamId, revision });
  context.effects.moved.set(teamId, revision);
  return revision;
}
