/** The table of bench/overspend, and what a run must have come to. */
import type { ScenarioResult } from '../../test/holds/overspend/sdk-scenario.js';
import type { Run } from './matrix.js';

const COLUMNS = [
  ...['door', 'callers', 'setting', 'admitted', 'refused', 'limit $', 'spent $', 'overspend', 'recorded', 'held after'],
  ...['stranded', 'round trips a call', 'check then act: overspend'],
];

/** Its head, as Markdown. */
export const HEAD = `${line(COLUMNS)}\n${line(COLUMNS.map((_, at) => (at === 0 || at === 2 ? '---' : '---:')))}`;

/** A row. `above`: what the guard that checks and then acts spent above the limit, in cents. */
export function rowOf({ door, setting, scenario }: Run, result: ScenarioResult, above: number): string {
  const { admitted, refused, limit, spend, overspend, overruns, held, stranded, roundTrips } = result;
  const share = (cents: number): string => (cents === 0 ? '0' : `${((cents / limit) * 100).toFixed(2)} %`);
  const trips = roundTrips === undefined ? 'none' : (roundTrips / Math.max(1, admitted)).toFixed(3);
  return line([
    ...[door, scenario.callers, setting, admitted, refused, dollars(limit), dollars(spend)],
    ...[share(overspend), share(overruns), held, share(stranded), trips, share(above)],
  ]);
}

/** What must not be. */
export function wrongWith({ door, setting, scenario }: Run, result: ScenarioResult): string[] {
  const { overspend, overruns, held, failed, isDelivered, spend, paid, limit, stranded } = result;
  const name = `${door}, ${scenario.callers} callers, ${setting}`;
  const problems: string[] = [];
  const say = (text: string): void => void problems.push(`${name}: ${text}`);
  const isExpected = scenario.fields.estimate === 'expected';
  if (!isExpected && overspend > 0) say(`${overspend} cents above the limit`);
  if (overspend > overruns + 0.001) say(`${overspend} cents above the limit, and ${overruns} are recorded`);
  if (held !== 0) say(`${held} cents stay held`);
  if (failed > 0) say(`${failed} calls failed`);
  if (!isDelivered) say('not everything is in the ledger');
  // Streams that are cut cost what came until then.
  if (!scenario.streams && spend !== paid) say(`${paid} cents were paid, and the ledger says ${spend}`);
  // Where one call is more than a hundredth of the budget, that says nothing.
  if (isExpected && scenario.bound < limit * 0.01 && stranded >= limit * 0.01) say(`${stranded} cents are stranded`);
  return problems;
}

function line(cells: readonly (number | string)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function dollars(cents: number): string {
  return (cents / 100).toFixed(2);
}
