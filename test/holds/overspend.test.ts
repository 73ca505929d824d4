/** The short form of `npm run bench:overspend`: programs with the SDK, each a process of its own, on one hard budget. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tempFolder } from '../service/store-support.js';
import { runSdkScenario, type Scenario } from './overspend/sdk-scenario.js';
import { type StandIn, startStandIn } from './overspend/stand-in.js';
import { startBudgetService } from './overspend/team-budget.js';

const BASE: Omit<Scenario, 'processes'> = {
  callers: 64,
  calls: 1_000,
  bound: 20,
  streams: false,
  retryMs: 1_000,
  fields: {},
};

let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn();
});
afterAll(() => standIn.close());

async function run(scenario: Scenario) {
  const folder = tempFolder();
  const service = await startBudgetService(folder.path);
  try {
    const result = await runSdkScenario(service, standIn, scenario);
    expect((await service.store.verifyBalances()).wrong).toEqual([]);
    return result;
  } finally {
    await service.close();
    folder.remove();
  }
}

test.each([1, 2])(
  'I7: with the defaults 64 parallel callers in %i processes spend the budget and not more',
  {
    timeout: 180_000,
  },
  async (processes) => {
    const result = await run({ ...BASE, processes });
    expect(result).toMatchObject({ overspend: 0, overruns: 0, held: 0, failed: 0, isDelivered: true });
    expect(result.spend).toBe(result.paid);
    expect(result.admitted + result.refused).toBe(BASE.calls);
    // The budget was worth something to somebody: not even one bound is left of it, but for what callers gave up on.
    expect(result.spend).toBeGreaterThan(result.limit * 0.9);
  },
);

test('I7: with holds of what calls cost as a rule the budget is exceeded by no more than is recorded', {
  timeout: 180_000,
}, async () => {
  const fields = { estimate: 'expected', onExpiry: 'release', whenExhausted: 'finish' } as const;
  // One call is less than a hundredth of such a budget.
  const result = await run({ ...BASE, calls: 3_000, processes: 2, fields });
  expect(result).toMatchObject({ held: 0, failed: 0, isDelivered: true });
  expect(result.spend).toBe(result.paid);
  expect(result.overspend).toBeLessThanOrEqual(result.overruns);
  expect(result.stranded).toBeLessThan(result.limit * 0.01);
});

test('I7: streams that outgrow what was set aside for them finish, and what they cost above the limit is recorded', {
  timeout: 180_000,
}, async () => {
  const assumed = { outputLimit: 'assume', assumedOutputTokens: 5 } as const;
  const fields = { estimate: 'expected', whenExhausted: 'finish', ...assumed } as const;
  const result = await run({ ...BASE, calls: 450, processes: 2, streams: true, isUnlimited: true, fields });
  expect(result).toMatchObject({ held: 0, failed: 0, isDelivered: true });
  expect(result.spend).toBe(result.paid);
  expect(result.overspend).toBeGreaterThan(0);
  expect(result.overspend).toBeCloseTo(result.overruns, 3);
});

test('I7: streams that outgrow what was set aside for them are cut where no more is to be had', {
  timeout: 180_000,
}, async () => {
  const assumed = { outputLimit: 'assume', assumedOutputTokens: 5 } as const;
  const fields = { estimate: 'expected', whenExhausted: 'cut', ...assumed } as const;
  const result = await run({ ...BASE, calls: 450, processes: 2, streams: true, isUnlimited: true, fields });
  expect(result).toMatchObject({ held: 0, failed: 0, isDelivered: true });
  expect(result.overspend).toBeCloseTo(result.overruns, 3);
});
