/** The proof of I6: kept balances are the sum of the latest price entries. Changes nothing. */
import { type CompiledControl, compileControl } from '../compile/compiled-control.js';
import { numberOf, textOf } from '../store/sql.js';
import { balanceOf, TOTAL } from './balances.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';
import { countedEvents } from './counted-events.js';
import { isAhead, readFills } from './fill-cursors.js';
import { addToSums, type SummedBalances } from './summed-balances.js';

/** How many balances were compared, and which are wrong, in words. */
export interface Verification {
  readonly checked: number;
  readonly wrong: readonly string[];
}

/** Sums every event again for every enabled control and compares. Takes as long as reading all events. */
export async function verifyBalances(context: LedgerContext): Promise<Verification> {
  let checked = 0;
  const wrong: string[] = [];
  for (const team of await context.sql.query('select-teams')) {
    const teamId = textOf(team, 'id');
    const controls = (await selectControls(context, teamId)).filter((control) => control.enabled).map(compileControl);
    const fills = await readFills(context, teamId);
    const sums = new Map(controls.map((compiled) => [compiled, new Map() as SummedBalances]));
    if (controls.length > 0) {
      for await (const event of countedEvents(context, teamId, 0)) {
        for (const [compiled, summed] of sums) {
          if (!isAhead(event, fills.get(compiled.control.id))) addToSums(summed, compiled, event);
        }
      }
    }
    for (const [compiled, summed] of sums) checked += await compare(context, compiled, summed, wrong);
  }
  return { checked, wrong };
}

async function compare(
  context: LedgerContext,
  compiled: CompiledControl,
  summed: SummedBalances,
  wrong: string[],
): Promise<number> {
  const { control } = compiled;
  let checked = 0;
  const say = (startMs: number, group: string, kept: string, sum: string): void => {
    const of = group === TOTAL ? 'the total' : `group ${group}`;
    wrong.push(
      `control ${control.id}, window from ${new Date(startMs).toISOString()}, ${of}: kept ${kept}, sum ${sum}`,
    );
  };
  for (const row of await context.sql.query('select-balances', { controlId: control.id })) {
    checked += 1;
    const kept = balanceOf(row);
    const startMs = numberOf(row, 'window_start_ms');
    const group = textOf(row, 'group_key');
    const sum = summed.get(startMs)?.get(group) ?? { value: 0n, unknownCount: 0n };
    summed.get(startMs)?.delete(group);
    if (kept.value !== sum.value) say(startMs, group, `${kept.value}`, `${sum.value}`);
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
  return checked;
}
