/** Balances of current windows, read for many at once. */
import type { LedgerContext } from '../ledger/context.js';
import { spanNow } from '../ledger/rolling-balances.js';
import { bigintOf, textOf } from '../store/sql.js';
import { type BalanceValues, type CompiledControl, verdictOf } from './compiled-control.js';
import { currentWindow } from './current-window.js';

/** Balances that one read looks at. */
const SCAN_SIZE = 500;

/** One balance of the current window of a control; the group '' is its total. */
export interface WantedBalance {
  readonly compiled: CompiledControl;
  readonly groupKey: string;
}

/** The balances in the order in which they are asked for; `undefined` where there is none. */
export async function readBalances(
  context: LedgerContext,
  wanted: readonly WantedBalance[],
): Promise<readonly (BalanceValues | undefined)[]> {
  const kept = wanted.filter(({ compiled: { control } }) => control.windowType !== 'ROLLING');
  const asked = kept.map(({ compiled: { control }, groupKey }) => ({
    controlId: control.id,
    windowStartMs: currentWindow(control, context.nowMs, context.cache.windows).balanceStartMs,
    groupKey,
  }));
  const found = new Map<string, BalanceValues>();
  if (asked.length > 0) {
    for (const row of await context.sql.many('select-feed-balances', asked)) {
      const values = { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
      found.set(nameOf(textOf(row, 'control_id'), textOf(row, 'group_key')), values);
    }
  }
  const rolling = wanted.filter(({ compiled: { control } }) => control.windowType === 'ROLLING');
  const sums = await readRolling(context, rolling);
  for (const [i, { compiled, groupKey }] of rolling.entries()) {
    const sum = sums[i];
    if (sum !== undefined) found.set(nameOf(compiled.control.id, groupKey), sum);
  }
  return wanted.map(({ compiled: { control }, groupKey }) => found.get(nameOf(control.id, groupKey)));
}

/** What is kept of a ROLLING balance may have fallen since: its buckets say what counts now. */
async function readRolling(
  context: LedgerContext,
  wanted: readonly WantedBalance[],
): Promise<readonly (BalanceValues | undefined)[]> {
  if (wanted.length === 0) return [];
  const keys = wanted.map(({ compiled: { control }, groupKey }) => {
    const { fromMs, toMs } = spanNow(context, control);
    return { controlId: control.id, groupKey, fromMs, toMs };
  });
  const sums = await context.balances.sums(keys);
  return sums.map(({ value, unknownCount, any }) => (any ? { value, unknownCount } : undefined));
}

/** No control id holds a line break. */
function nameOf(controlId: string, groupKey: string): string {
  return `${controlId}\n${groupKey}`;
}

/** Those past a limit among the next {@link SCAN_SIZE} groups behind `afterKey`. */
export async function readGroups(
  context: LedgerContext,
  compiled: CompiledControl,
  afterKey: string,
): Promise<{
  readonly groups: readonly { readonly groupKey: string; readonly values: BalanceValues }[];
  readonly nextKey: string | undefined;
}> {
  const { control, floor, unknownFloor } = compiled;
  const windowStartMs = currentWindow(control, context.nowMs, context.cache.windows).balanceStartMs;
  const range = { controlId: control.id, windowStartMs, afterKey };
  const [end] = await context.sql.query('select-feed-group-end', { ...range, skip: SCAN_SIZE - 1 });
  const endKey = end === undefined ? null : textOf(end, 'group_key');
  const rows = await context.sql.query('select-feed-groups', { ...range, endKey, floor, unknownFloor });
  const groups = rows.map((row) => ({
    groupKey: textOf(row, 'group_key'),
    values: { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') },
  }));
  const nextKey = endKey ?? undefined;
  if (control.windowType !== 'ROLLING') return { groups, nextKey };
  const sums = await readRolling(
    context,
    groups.map(({ groupKey }) => ({ compiled, groupKey })),
  );
  const standing = groups.flatMap(({ groupKey }, i) => {
    const values = sums[i];
    return values === undefined || verdictOf(compiled, values) === 0 ? [] : [{ groupKey, values }];
  });
  return { groups: standing, nextKey };
}
