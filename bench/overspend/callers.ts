/** Processes of callers-child.ts, and what they are driven through. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadResult } from '../../test/holds/overspend/load.js';
import {
  limitOf,
  resultOf,
  type Scenario,
  type ScenarioResult,
  sharesOf,
  untilNothingIsHeld,
} from '../../test/holds/overspend/sdk-scenario.js';
import type { StandIn } from '../../test/holds/overspend/stand-in.js';
import type { CallersProgram } from './callers-child.js';
import type { Services } from './services.js';
import { startTotal } from './total-server.js';

const CHILD = fileURLToPath(new URL('./callers-child.ts', import.meta.url));

/** Runs a scenario through the gateways of services. */
export async function runGatewayScenario(
  services: Services,
  standIn: StandIn,
  scenario: Scenario,
): Promise<ScenarioResult> {
  const control = await services.createBudget(limitOf(scenario), scenario.fields);
  standIn.calls.length = 0;
  const begun = performance.now();
  const ends = await runCallers(scenario, { urls: services.gatewayUrls, key: services.gatewayKey });
  const seconds = (performance.now() - begun) / 1_000;
  const paid = standIn.calls.reduce((sum, { tokens }) => sum + tokens, 0);
  // Answers are out before their events are in the ledger.
  const standing = await untilNothingIsHeld(async () => {
    const now = await services.standing(control);
    return !scenario.streams && now.spend < paid ? { ...now, held: Math.max(now.held, 1) } : now;
  });
  const overruns = await services.overruns(control);
  const isDelivered = scenario.streams || standing.spend === paid;
  return resultOf(scenario, { ends, standing, overruns, standIn, seconds, roundTrips: undefined, isDelivered });
}

/** The same load on a guard that checks a total and then acts. What is spent in the end, above the limit, in cents. */
export async function runCheckThenAct(standIn: StandIn, scenario: Scenario): Promise<number> {
  const limit = limitOf(scenario);
  const total = await startTotal(limit);
  try {
    await runCallers(scenario, { urls: [standIn.url], key: 'k', totalUrl: total.url });
    return Math.max(0, total.total() - limit);
  } finally {
    await total.close();
  }
}

async function runCallers(
  scenario: Scenario,
  through: Pick<CallersProgram, 'key' | 'totalUrl' | 'urls'>,
): Promise<LoadResult[]> {
  const { streams } = scenario;
  const outputTokensMax = scenario.isUnlimited === true ? undefined : scenario.bound;
  return Promise.all(sharesOf(scenario).map((load) => runChild({ ...through, load, outputTokensMax, streams })));
}

async function runChild(program: CallersProgram): Promise<LoadResult> {
  const args = ['--import', 'tsx', CHILD, JSON.stringify(program)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (part) => {
    text += String(part);
  });
  await once(child, 'close');
  return JSON.parse(text) as LoadResult;
}
