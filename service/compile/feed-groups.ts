/** The groups of a control that matter to the feed: those that are over a limit, and how callers may name them. */

import type { LedgerContext } from '../ledger/context.js';
import type { Window } from '../ledger/windows.js';
import { bigintOf, type SqlRow, textOf } from '../store/sql.js';
import { type BalanceValues, type CompiledControl, verdictOf } from './compiled-control.js';
import { type FeedGroup, feedGroupOf } from './feed-rule.js';

/** More groups than this do not fit into a body of 1 MiB, whatever their names. */
export const GROUPS_MAX = 10_000;
/** Names of one group; a person has few. */
const SPELLINGS_MAX = 128;
/** Ids that share one address beyond this are not told apart. */
const SHARERS_MAX = 64;

/** One group past a limit. */
export interface GroupBalance {
  readonly groupKey: string;
  readonly values: BalanceValues;
}

/** Groups past a limit in the window, the breached ones first, then by value. */
export async function groupsPastLimit(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
): Promise<readonly GroupBalance[]> {
  const rows = await context.sql.query('select-groups', {
    controlId: compiled.control.id,
    windowStartMs: window.startMs,
    floor: compiled.floor,
    limit: compiled.limit,
    unknownFloor: compiled.unknownFloor,
    size: GROUPS_MAX,
  });
  return rows.map((row) => ({ groupKey: textOf(row, 'group_key'), values: valuesOf(row) }));
}

/**
 * The entries of a subscriber group: under its own name, and, where it is breached, under every address that stands for
 * it, since a guard that knows only the address compares exactly. A guard tries the id first and stops at the first
 * entry: ids that share the address get entries of their own, so that one's verdict is not another's.
 */
export async function subscriberEntries(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  group: GroupBalance,
): Promise<readonly FeedGroup[]> {
  const { groupKey, values } = group;
  const entries = [feedGroupOf(compiled, groupKey, groupKey, values)];
  if (verdictOf(compiled, values) !== 2) return entries;
  const { teamId } = compiled.control;
  const shared = new Set<string>();
  // An address stands for the id that came with it first; the query leaves out those of others that use it too.
  const spellings = await context.sql.query('select-spellings', { teamId, groupKey, size: SPELLINGS_MAX });
  for (const row of spellings) {
    entries.push(feedGroupOf(compiled, textOf(row, 'spelling'), groupKey, values));
    shared.add(textOf(row, 'email_key'));
  }
  for (const emailKey of shared) {
    const sharers = await context.sql.query('select-sharers', { teamId, emailKey, size: SHARERS_MAX });
    for (const row of sharers) {
      const other = textOf(row, 'group_key');
      if (other === groupKey || other === emailKey) continue;
      entries.push(await entryOfGroup(context, compiled, window, other));
    }
  }
  return entries;
}

/** A group that spent nothing in the window has no balance and is not breached, whatever the limit. */
async function entryOfGroup(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
): Promise<FeedGroup> {
  const key = { controlId: compiled.control.id, windowStartMs: window.startMs, groupKey };
  const [row] = await context.sql.query('select-balance', key);
  if (row !== undefined) return feedGroupOf(compiled, groupKey, groupKey, valuesOf(row));
  return { ...feedGroupOf(compiled, groupKey, groupKey, { value: 0n, unknownCount: 0n }), breached: false };
}

function valuesOf(row: SqlRow): BalanceValues {
  return { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
}
