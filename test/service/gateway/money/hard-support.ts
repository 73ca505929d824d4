/** What the tests of hard budgets in the gateway share. */
import type { CostControl, CostControlInput } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { control } from '../../store-support.js';
import type { Payer, Whole } from '../whole/whole.js';

/** A hard budget of one customer: three dollar cents a month, unless `fields` say otherwise. */
export function hardFields({ id }: Pick<Payer, 'id'>, fields: Partial<CostControlInput> = {}): CostControlInput {
  return control({
    ...{ name: 'hard', metricType: 'TOTAL_COST', windowType: 'MONTHLY', enforcement: 'HARD', hardLimit: '0.03' },
    ...{ onUnknownPrice: 'refuse', filters: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: id }] },
    ...fields,
  });
}

/** Makes one, and waits until the gateway knows it. */
export async function makeHard(whole: Whole, payer: Payer, fields: Partial<CostControlInput> = {}) {
  const made = await whole.store.createControl(whole.teamId, hardFields(payer, fields));
  await until(async () => (await shownBy(whole, payer)) === made.id, 'the budget known');
  return made;
}

/** Changes one; the gateway hears of it within a second. */
export function changeHard(whole: Whole, payer: Payer, { id }: CostControl, fields: Partial<CostControlInput>) {
  return whole.store.updateControl(whole.teamId, id, hardFields(payer, fields));
}

/** The budget that the gateway shows to a caller who asks for nothing that costs. */
export async function shownBy(whole: Whole, { key }: Payer): Promise<string | null> {
  const answer = await fetch(`${whole.url}/api/tags`, { headers: { authorization: `Bearer ${key}` } });
  await answer.arrayBuffer();
  return answer.headers.get('fusewire-budget-control');
}

/** What is held in a team, over all its hard budgets. */
export async function heldIn({ store, teamId }: Pick<Whole, 'store' | 'teamId'>): Promise<bigint> {
  const totals = await store.holdTotals(teamId);
  return totals.flatMap(({ metrics }) => metrics).reduce((sum, { held }) => sum + held, 0n);
}

/** Waits until nothing is. */
export function untilNothingHeld(whole: Pick<Whole, 'store' | 'teamId'>, withinMs = 20_000) {
  return until(async () => (await heldIn(whole)) === 0n, 'nothing held', withinMs);
}
