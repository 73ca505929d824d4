/** A budget that fits a tenth of the calls, and programs that want them all at once. What came of it, in cents. */
import type { CostControlInput } from '../../../service/store/store.js';
import type { SdkEnd } from './sdk-child.js';
import { killSdk, startSdk } from './sdk-process.js';
import { type StandIn, tokensOf } from './stand-in.js';
import { type BudgetService, overrunsOf, type Standing } from './team-budget.js';

/** What is run. */
export interface Scenario {
  readonly processes: number;
  /** Over all processes. */
  readonly callers: number;
  readonly calls: number;
  /** Cents that a call costs at most. */
  readonly bound: number;
  readonly streams: boolean;
  readonly retryMs: number;
  /** Of the control: the setting of I7. */
  readonly fields: Partial<CostControlInput>;
}

/** What came of it. Money in cents. */
export interface ScenarioResult {
  readonly admitted: number;
  readonly refused: number;
  readonly failed: number;
  readonly limit: number;
  readonly spend: number;
  /** What calls that arrived at the provider cost in truth. */
  readonly paid: number;
  readonly overspend: number;
  readonly overruns: number;
  readonly held: number;
  /** The worth of refused calls that would have fitted in the end. */
  readonly stranded: number;
  readonly roundTrips: number;
  readonly seconds: number;
  readonly isDelivered: boolean;
}

/** The budget of a scenario: a tenth of what its calls cost. */
export function limitOf({ calls, bound }: Pick<Scenario, 'bound' | 'calls'>, first = 0): number {
  let worth = 0;
  for (let number = first; number < first + calls; number += 1) worth += tokensOf(number, bound);
  return Math.ceil(worth / 10);
}

/** Runs it with SDK processes on a service. */
export async function runSdkScenario(
  service: BudgetService,
  standIn: StandIn,
  scenario: Scenario,
): Promise<ScenarioResult> {
  const limit = limitOf(scenario);
  const control = await service.createBudget(limit, scenario.fields);
  standIn.calls.length = 0;
  const begun = performance.now();
  const ends = await runProcesses(service, standIn, scenario);
  const seconds = (performance.now() - begun) / 1_000;
  const standing = await untilNothingIsHeld(() => service.standing(control));
  const overruns = await overrunsOf(service.store, service.teamId);
  return resultOf(scenario, { ends, standing, overruns, standIn, seconds });
}

async function runProcesses(service: BudgetService, standIn: StandIn, scenario: Scenario): Promise<SdkEnd[]> {
  const { processes, callers, calls, bound, streams, retryMs } = scenario;
  const share = (of: number, at: number): number =>
    Math.floor((of * (at + 1)) / processes) - Math.floor((of * at) / processes);
  let first = 0;
  const started = Array.from({ length: processes }, (_, at) => {
    const load = { first, calls: share(calls, at), callers: Math.max(1, share(callers, at)), retryMs };
    first += load.calls;
    const { url: serviceUrl, teamId, key } = service;
    return startSdk({ serviceUrl, teamId, key, providerUrl: standIn.url, load, outputTokensMax: bound, streams });
  });
  try {
    const ends = await Promise.all(started.map(({ ended }) => ended));
    return ends.map((end) => {
      if (end === undefined) throw new Error('a program ended before its time');
      return end;
    });
  } finally {
    await Promise.all(started.map(killSdk));
  }
}

interface Measured {
  readonly ends: readonly SdkEnd[];
  readonly standing: Standing;
  readonly overruns: number;
  readonly standIn: StandIn;
  readonly seconds: number;
}

function resultOf(scenario: Scenario, { ends, standing, overruns, standIn, seconds }: Measured): ScenarioResult {
  const { bound } = scenario;
  const { spend, held, limit } = standing;
  const count = (of: 'answered' | 'failed' | 'refused'): number => ends.reduce((sum, end) => sum + end[of].length, 0);
  const refused = ends.flatMap((end) => end.refused);
  const paid = standIn.calls.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    admitted: count('answered'),
    refused: refused.length,
    failed: count('failed'),
    ...{ limit, spend, paid, overruns, held },
    overspend: Math.max(0, spend - limit),
    stranded: strandedOf(refused, limit - spend, bound),
    roundTrips: ends.reduce((sum, { holds }) => sum + (holds?.roundTrips ?? 0), 0),
    seconds,
    isDelivered: ends.every(({ isDelivered }) => isDelivered),
  };
}

/** As many of the refused calls as still fit, the cheapest first. */
export function strandedOf(refused: readonly number[], left: number, bound: number): number {
  let worth = 0;
  for (const cost of refused.map((number) => tokensOf(number, bound)).sort((a, b) => a - b)) {
    if (worth + cost > left) break;
    worth += cost;
  }
  return worth;
}

/** What a closing program gives back may be on its way. */
async function untilNothingIsHeld(look: () => Promise<Standing>): Promise<Standing> {
  const untilMs = performance.now() + 10_000;
  for (;;) {
    const standing = await look();
    if (standing.held === 0 || performance.now() > untilMs) return standing;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
