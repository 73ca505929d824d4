/** A tiny budget for one surface, and what has to become of it when a call went through: the same for every surface. */
import type { Explanation } from '../explain/explanation.js';
import { Finding } from './examination.js';
import { ask, get, type Patient, until } from './patient.js';

/** A model whose price the catalogue of every version has. */
const MODEL = 'gpt-4o-mini';
const PROVIDER = 'OPENAI';
/** Dollars; the call below costs more. */
const LIMIT = 0.000_01;
/** A verdict is in the feed within a second, on the slowest of stores. */
const FEED_LIMIT_MS = 4_000;
const INPUT_TOKENS = 1_000;
const OUTPUT_TOKENS = 500;

/** A budget that covers the calls of one made-up agent. */
export interface Budget {
  readonly controlId: string;
  readonly name: string;
  readonly agent: string;
}

/** The fields that matter of a rule of the feed. */
export interface SeenRule {
  readonly name?: string;
  readonly breached?: boolean;
}

/** The call that the examination pretends to make. */
export const CALL = { model: MODEL, provider: PROVIDER } as const;

/** What it used. */
export const USAGE = {
  inputTokenCount: INPUT_TOKENS,
  outputTokenCount: OUTPUT_TOKENS,
  totalTokenCount: INPUT_TOKENS + OUTPUT_TOKENS,
} as const;

/** Makes a cost control that only calls of the surface's own agent fall under. */
export async function makeBudget(patient: Patient, surface: string): Promise<Budget> {
  const agent = `doctor-${patient.run}-${surface}`;
  const body = {
    teamId: patient.teamId,
    name: agent,
    description: 'made by fusewire doctor, and deleted by it',
    metricType: 'TOTAL_COST',
    windowType: 'DAILY',
    hardLimit: LIMIT,
    filters: [{ dimension: 'AGENT', operator: 'IS', value: agent }],
  };
  const path = '/v2/api/ai/cost-controls';
  const made = await get<{ id: string }>(patient, { method: 'POST', path, key: patient.writeKey, body });
  return { controlId: made.id, name: agent, agent };
}

/** Deletes it. Not being there any more is good enough. */
export async function dropBudget(patient: Patient, { controlId }: Budget): Promise<void> {
  const path = `/v2/api/ai/cost-controls/${controlId}`;
  const { status } = await ask(patient, { method: 'DELETE', path, key: patient.writeKey });
  if (status >= 300 && status !== 404) throw new Finding(`a control could not be deleted (${status})`);
}

/** A usage event of the surface's agent. */
export function usageEvent(patient: Patient, { agent }: Budget, transactionId: string): Record<string, unknown> {
  const time = new Date(patient.runtime.now()).toISOString();
  return {
    transactionId,
    ...CALL,
    ...USAGE,
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    requestTime: time,
    completionStartTime: time,
    responseTime: time,
    requestDuration: 1,
    agent,
  };
}

/** The rule of a budget as a guard would get it. `undefined` where the feed does not have it. */
export async function ruleOf(patient: Patient, { name }: Budget): Promise<SeenRule | undefined> {
  const path = `/v2/api/ai/enforcement-rules/${patient.teamId}`;
  const { rules = [] } = await get<{ rules?: readonly SeenRule[] }>(patient, { path, key: patient.meteringKey });
  return rules.find((rule) => rule.name === name);
}

/** The call was priced: its price is known and not nothing. Resolves to dollars. */
export async function pricedOnce(patient: Patient, transactionId: string): Promise<number> {
  const path = `/v2/api/sources/metrics/ai/completions?transactionId=${transactionId}`;
  type Row = { readonly totalCost: number | null; readonly priceState: string };
  type Answer = { readonly _embedded: { readonly aICompletionMetricResourceList: readonly Row[] } };
  const answer = await get<Answer>(patient, { path, key: patient.meteringKey });
  const rows = answer._embedded.aICompletionMetricResourceList;
  if (rows.length !== 1) throw new Finding(`the call is there ${rows.length} times, not once`);
  const [{ totalCost, priceState }] = rows as [Row];
  if (priceState !== 'known' || totalCost === null || totalCost <= 0) {
    throw new Finding(`the price of ${PROVIDER} ${MODEL} is ${priceState} (${totalCost})`);
  }
  return totalCost;
}

/** The budget counted exactly `cost`, the feed refuses, and so does `explain`. */
export async function refusedFor(patient: Patient, budget: Budget, cost: number): Promise<string> {
  const query = new URLSearchParams({ ...CALL, agent: budget.agent });
  const path = `/v2/api/fusewire/explain?${query}`;
  const { verdict, controls } = await get<Explanation>(patient, { path, key: patient.meteringKey });
  const control = controls.find(({ controlId }) => controlId === budget.controlId);
  if (control === undefined) throw new Finding('the budget does not know of the call');
  if (Number(control.spend) !== cost) throw new Finding(`the call cost $${cost} and $${control.spend} were counted`);
  if (verdict.outcome !== 'refuse') throw new Finding(`the call passes: ${verdict.equation}`);
  await until(
    patient,
    async () => ((await ruleOf(patient, budget))?.breached === true ? true : undefined),
    'the feed never said that the limit is reached',
    FEED_LIMIT_MS,
  );
  return control.equation;
}

/** The trip is in the record of what controls did. */
export async function tripRecorded(patient: Patient, { controlId }: Budget): Promise<void> {
  const query = new URLSearchParams({ teamId: patient.teamId, ruleId: controlId, level: 'HARD' });
  const path = `/v2/api/ai/enforcement-events?${query}`;
  type Answer = { readonly _embedded: { readonly objectList: readonly { readonly outcome: string }[] } };
  const answer = await get<Answer>(patient, { path, key: patient.writeKey });
  const trips = answer._embedded.objectList.filter(({ outcome }) => outcome === 'BLOCKED');
  if (trips.length === 0) throw new Finding('no enforcement event says that the limit was reached');
}
