/** A budget that fits a tenth of the calls, and programs that want them all at once. What came of it, in cents. */
import type { CostControlInput } from '../../../service/store/store.js';
import type { LoadResult, LoadSettings } from './load.js';
import type { SdkEnd } from './sdk-child.js';
import { killSdk, startSdk } from './sdk-process.js';
import { type StandIn, tokensOf } from './stand-in.js';
import type { Budgets, Standing } from './team-budget.js';

/** What is run. */
export interface Scenario {
  readonly processes: number;
  /** Over all processes. */
  readonly callers: number;
  readonly calls: number;
  /** Cents that a call costs at most. */
  readonly bound: number;
  readonly streams: boolean;
  /** Calls name no limit, and cost up to the bound all the same. */
  readonly isUnlimited?: boolean;
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
  /** Requests of holders; `undefined`: they are not seen from here. */
  readonly roundTrips: number | undefined;
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
export async function runSdkScenario(service: Budgets, standIn: StandIn, scenario: Scenario): Promise<ScenarioResult> {
  const limit = limitOf(scenario);
  const control = await service.createBudget(limit, scenario.fields);
  standIn.calls.length = 0;
  const begun = performance.now();
  const ends = await runProcesses(service, standIn, scenario);
  const seconds = (performance.now() - begun) / 1_000;
  const standing = await untilNothingIsHeld(() => service.standing(control));
  const overruns = await service.overruns(control);
  const roundTrips = ends.reduce((sum, { holds }) => sum + (holds?.roundTrips ?? 0), 0);
  const isDelivered = ends.every((end) => end.isDelivered);
  return resultOf(scenario, { ends, standing, overruns, standIn, seconds, roundTrips, isDelivered });
}

/** What each process makes of the calls. */
export function sharesOf({ processes, callers, calls, retryMs }: Scenario): readonly LoadSettings[] {
  const share = (of: number, at: number): number =>
    Math.floor((of * (at + 1)) / processes) - Math.floor((of * at) / processes);
  let first = 0;
  return Array.from({ length: processes }, (_, at) => {
    const load = { first, calls: share(calls, at), callers: Math.max(1, share(callers, at)), retryMs };
    first += load.calls;
    return load;
  });
}

async function runProcesses(service: Budgets, standIn: StandIn, scenario: Scenario): Promise<SdkEnd[]> {
  const { streams } = scenario;
  const outputTokensMax = scenario.isUnlimited === true ? undefined : scenario.bound;
  const { url: serviceUrl, teamId, key } = service;
  const providerUrl = standIn.url;
  const started = sharesOf(scenario).map((load) =>
    startSdk({ serviceUrl, teamId, key, providerUrl, load, outputTokensMax, streams }),
  );
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

/** What is known when a load is over. */
export interface Measured {
  readonly ends: readonly LoadResult[];
  readonly standing: Standing;
  readonly overruns: number;
  readonly standIn: StandIn;
  readonly seconds: number;
  readonly roundTrips: number | undefined;
  readonly isDelivered: boolean;
}

/** Sums it up. */
export function resultOf(scenario: Scenario, measured: Measured): ScenarioResult {
  const { ends, standing, overruns, standIn, seconds, roundTrips, isDelivered } = measured;
  const { spend, held, limit } = standing;
  const count = (of: 'answered' | 'failed' | 'refused'): number => ends.reduce((sum, end) => sum + end[of].length, 0);
  const refused = ends.flatMap((end) => end.refused);
  return {
    admitted: count('answered'),
    refused: refused.length,
    failed: count('failed'),
    ...{ limit, spend, overruns, held, roundTrips, seconds, isDelivered },
    paid: standIn.calls.reduce((sum, { tokens }) => sum + tokens, 0),
    overspend: Math.max(0, spend - limit),
    stranded: strandedOf(refused, limit - spend, scenario.bound),
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
export async function untilNothingIsHeld(look: () => Promise<Standing>): Promise<Standing> {
  const untilMs = performance.now() + 60_000;
  for (;;) {
    const standing = await look();
    if (standing.held === 0 || performance.now() > untilMs) return standing;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
