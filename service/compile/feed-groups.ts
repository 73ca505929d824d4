/** The groups of a control that matter to the feed: those that are over a limit, and how callers may name them. */

import type { LedgerContext } from '../ledger/context.js';
import type { Window } from '../ledger/windows.js';
import { bigintOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import { type BalanceValues, type CompiledControl, verdictOf } from './compiled-control.js';
import { type FeedGroup, feedGroupOf } from './feed-rule.js';

/** More groups than this do not fit into a body of 1 MiB, whatever their names. */
export const GROUPS_MAX = 10_000;
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
  for (const row of await context.sql.query('select-spellings', { teamId, groupKey })) {
    const emailKey = textOf(row, 'email_key');
    // The address stands for the id that came with it first; another id that uses it too is not named by it.
    if ((textOrNull(row, 'subscriber_id') ?? emailKey) !== groupKey) continue;
    entries.push(feedGroupOf(compiled, textOf(row, 'spelling'), groupKey, values));
    shared.add(emailKey);
  }
  for (const emailKey of shared) {
    const sharers = await context.sql.query('select-sharers', { teamId, emailKey, size: SHARERS_MAX });
    for (const row of sharers) {
      const other = textOf(row, 'group_key');
      if (other === groupKey || other === emailKey) continue;
      entries.push(feedGroupOf(compiled, other, other, await valuesOfGroup(context, compiled, window, other)));
    }
  }
  return entries;
}

async function valuesOfGroup(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  groupKey: string,
): Promise<BalanceValues> {
  const key = { controlId: compiled.control.id, windowStartMs: window.startMs, groupKey };
  const [row] = await context.sql.query('select-balance', key);
  return row === undefined ? { value: 0n, unknownCount: 0n } : valuesOf(row);
}

function valuesOf(row: SqlRow): BalanceValues {
  return { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
}
