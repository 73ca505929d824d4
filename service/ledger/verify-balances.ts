/**
 * The proof of I6 and I7: kept balances are the sum of the latest price entries and of what expired holds are charged, and
 * what they hold is what is left of open holds. Changes nothing.
 */
import { type CompiledControl, compileControl } from '../compile/compiled-control.js';
import { bigintOf, numberOf, textOf } from '../store/sql.js';
import { heldBy } from './balance-book.js';
import { balanceOf, TOTAL } from './balances.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';
import { countedEvents } from './counted-events.js';
import { isAhead, readFills } from './fill-cursors.js';
import { selectLiveParts } from './holds/keep-parts.js';
import { HEAD_START_MS, spanNow } from './rolling-balances.js';
import { addCharge, addToSums, type SummedBalances } from './summed-balances.js';

/** How many balances were compared, and which are wrong, in words. */
export interface Verification {
  readonly checked: number;
  readonly wrong: readonly string[];
}

/**
 * Sums every event of a team again for every enabled control and compares. Takes as long as reading all its events; one
 * transaction, since a sum over several would be of no moment at all.
 */
export async function verifyTeam(context: LedgerContext, teamId: string): Promise<Verification> {
  const { checked, wrong } = await compareTeam(context, teamId);
  return { checked, wrong };
}

/** The same, with the controls of which something is wrong. */
export async function compareTeam(
  context: LedgerContext,
  teamId: string,
): Promise<Verification & { readonly wrongControls: readonly CompiledControl[] }> {
  const wrong: string[] = [];
  const wrongControls: CompiledControl[] = [];
  const controls = (await selectControls(context, teamId)).filter((control) => control.enabled).map(compileControl);
  let checked = 0;
  for (const [compiled, summed] of await sumControls(context, teamId, controls)) {
    const before = wrong.length;
    checked += await compare(context, compiled, summed, wrong);
    if (wrong.length > before) wrongControls.push(compiled);
  }
  return { checked, wrong, wrongControls };
}

/** The sums of all events of a team that its controls have met. */
export async function sumControls(
  context: LedgerContext,
  teamId: string,
  controls: readonly CompiledControl[],
): Promise<ReadonlyMap<CompiledControl, SummedBalances>> {
  const fills = await readFills(context, teamId);
  const sums = new Map(controls.map((compiled) => [compiled, new Map() as SummedBalances]));
  if (controls.length === 0) return sums;
  for (const [compiled, summed] of sums) {
    const parts = await selectLiveParts(context, compiled.control);
    for (const part of parts) addCharge(summed, compiled, part, context.cache.windows);
  }
  const fromMs = Math.min(...controls.map(({ control }) => control.countedFromMs ?? 0));
  for await (const event of countedEvents(context, teamId, fromMs)) {
    for (const [compiled, summed] of sums) {
      if (!isAhead(event, fills.get(compiled.control.id))) {
        addToSums(summed, compiled, event, context.cache.windows);
      }
    }
  }
  return sums;
}

async function compare(
  context: LedgerContext,
  compiled: CompiledControl,
  summed: SummedBalances,
  wrong: string[],
): Promise<number> {
  const { control } = compiled;
  const countedFromMs = control.countedFromMs ?? 0;
  const heads = headsOf(context, compiled, summed);
  const held = await heldOf(context, compiled, wrong);
  let checked = 0;
  const say = (startMs: number, group: string, kept: string, sum: string): void => {
    const of = group === TOTAL ? 'the total' : `group ${group}`;
    const window = startMs === HEAD_START_MS ? 'what counts now' : `window from ${new Date(startMs).toISOString()}`;
    wrong.push(`control ${control.id}, ${window}, ${of}: kept ${kept}, sum ${sum}`);
  };
  for (const row of await context.sql.query('select-balances', { controlId: control.id })) {
    const kept = balanceOf(row);
    const startMs = numberOf(row, 'window_start_ms');
    const group = textOf(row, 'group_key');
    const left = held.get(`${startMs}\n${group}`) ?? 0n;
    held.delete(`${startMs}\n${group}`);
    if (bigintOf(row, 'held') !== left) say(startMs, group, `${bigintOf(row, 'held')} held`, `${left}`);
    if (startMs === HEAD_START_MS) {
      checked += 1;
      const least = heads?.get(group) ?? 0n;
      heads?.delete(group);
      if (kept.value < least) say(startMs, group, `${kept.value}`, `${least}`);
      continue;
    }
    // Buckets that are about to be purged are counted no more.
    if (control.windowType === 'ROLLING' && startMs < countedFromMs) continue;
    checked += 1;
    const sum = summed.get(startMs)?.get(group) ?? { value: 0n, unknownCount: 0n };
    summed.get(startMs)?.delete(group);
    const value = heldBy({ type: control.windowType, startMs }, sum.value);
    if (kept.value !== value) say(startMs, group, `${kept.value}`, `${value}`);
    if (kept.unknownCount !== sum.unknownCount) {
      say(startMs, group, `${kept.unknownCount} unknown prices`, `${sum.unknownCount}`);
    }
  }
  for (const [startMs, groups] of summed) {
    for (const [group, sum] of groups) {
      checked += 1;
      if (sum.value !== 0n || sum.unknownCount !== 0n) say(startMs, group, 'nothing', `${sum.value}`);
    }
  }
  for (const [name, left] of held) {
    const [startMs = '', group = ''] = name.split('\n', 2);
    if (left > 0n) say(Number(startMs), group, 'nothing held', `${left}`);
  }
  for (const [group, least] of heads ?? []) if (least > 0n) say(HEAD_START_MS, group, 'nothing', `${least}`);
  return checked;
}

/** What open holds have left, by window and group; what a part says that it was charged is compared with its entries. */
async function heldOf(
  context: LedgerContext,
  { control }: CompiledControl,
  wrong: string[],
): Promise<Map<string, bigint>> {
  const held = new Map<string, bigint>();
  for (const { holdId, groupKey, heldStartMs, state, left, charged, entry } of await selectLiveParts(
    context,
    control,
  )) {
    const name = `${heldStartMs}\n${groupKey}`;
    held.set(name, (held.get(name) ?? 0n) + left);
    if (state === 'charged' && charged !== entry) {
      wrong.push(`control ${control.id}, hold ${holdId}: charged ${charged}, last entry ${entry}`);
    }
  }
  return held;
}

/** What the head of each group of a ROLLING control must not be below: its value falls without being written. */
function headsOf(
  context: LedgerContext,
  { control }: CompiledControl,
  summed: SummedBalances,
): Map<string, bigint> | undefined {
  if (control.windowType !== 'ROLLING') return undefined;
  const { fromMs, toMs } = spanNow(context, control);
  const heads = new Map<string, bigint>();
  for (const [startMs, groups] of summed) {
    if (startMs < fromMs || startMs > toMs) continue;
    for (const [group, { value }] of groups) {
      heads.set(group, (heads.get(group) ?? 0n) + heldBy({ type: 'ROLLING', startMs }, value));
    }
  }
  return heads;
}
