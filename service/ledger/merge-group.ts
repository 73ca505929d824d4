/** Two groups that turn out to be one person. */
import { type CompiledControl, verdictOf } from '../compile/compiled-control.js';
import { noteFeedChange } from '../compile/feed-changes.js';
import { bigintOf, numberOf, type SqlRow } from '../store/sql.js';
import { announce, balanceOf, keysIn, moveBalance } from './balances.js';
import { type LedgerContext, moveRevision } from './context.js';
import { HEAD_START_MS, headFor, headOf, sumAnew } from './rolling-balances.js';
import type { Window } from './windows.js';

/** Moves the balances of one group of a control, in every window, into another. */
export async function mergeGroup(
  context: LedgerContext,
  compiled: CompiledControl,
  from: string,
  into: string,
): Promise<void> {
  const { control } = compiled;
  const rows = await context.sql.query('select-group-balances', { controlId: control.id, groupKey: from });
  let told: 0 | 1 | 2 = 0;
  for (const row of rows) {
    const old = balanceOf(row);
    const startMs = numberOf(row, 'window_start_ms');
    await context.sql.query('delete-balance', { controlId: control.id, windowStartMs: startMs, groupKey: from });
    // The head of a ROLLING control comes before its buckets; its verdict follows when they are all there.
    if (startMs === HEAD_START_MS) {
      told = old.announced;
      await context.balances.move(control.id, headOf(), into, { ...NOTHING, ...besideValue(row) });
      continue;
    }
    const window = context.cache.windows.of(control, startMs);
    await context.balances.load(keysIn(context, control, window, into));
    const merged = await moveBalance(context, compiled, window, into, old);
    await context.balances.move(control.id, window, into, { ...NOTHING, ...besideValue(row) });
    if (control.windowType !== 'ROLLING') await moveVerdict(context, compiled, window, into, merged, old.announced);
  }
  if (control.windowType === 'ROLLING' && rows.length > 0) {
    await moveVerdict(context, compiled, headOf(), into, await sumAnew(context, control, into), told);
  }
  if (rows.length === 0) return;
  await context.sql.query('rename-hold-parts', { controlId: control.id, groupKey: from, into });
  for (const group of [from, into]) noteFeedChange(context, control.teamId, control.id, group);
  await moveRevision(context, control.teamId);
}

const NOTHING = { value: 0n, unknownCount: 0n };

/** What open holds set aside, and what was overrun, moves along. */
function besideValue(row: SqlRow): { readonly held: bigint; readonly overrun: bigint } {
  return { held: bigintOf(row, 'held'), overrun: bigintOf(row, 'overrun') };
}

/** A verdict moves along: it was told already, under the other name. */
async function moveVerdict(
  context: LedgerContext,
  compiled: CompiledControl,
  window: Window,
  into: string,
  merged: Awaited<ReturnType<typeof moveBalance>>,
  told: 0 | 1 | 2,
): Promise<void> {
  if (told <= merged.announced) {
    await announce(context, compiled, window, into, merged, null);
    return;
  }
  const { control } = compiled;
  const announced = Math.min(told, verdictOf(compiled, merged)) as 0 | 1 | 2;
  const place = window.startMs === HEAD_START_MS ? headFor(context, control, announced) : window;
  await context.balances.announce(control.id, place, into, announced);
  await announce(context, compiled, window, into, { ...merged, announced }, null);
}
