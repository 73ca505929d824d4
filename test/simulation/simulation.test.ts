// A world in a box: clients, replicas, clocks, a network and a disk, all of them unreliable, and every run repeatable.
// One seed: SIMULATION_SEED=17 npx vitest run test/simulation. More of them: SIMULATION_SEEDS=5000.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scenarioOf } from './scenario.js';
import { shrink } from './shrink.js';
import { Stage, simulate } from './simulation.js';

const ONE = process.env['SIMULATION_SEED'];
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 500);
const seeds = ONE === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(ONE)];

const stage = new Stage();
beforeAll(() => stage.open());
afterAll(() => stage.close());

test(`I4, I6, I9, I13: in ${seeds.length} worlds nothing acknowledged is lost, nothing counted twice, every guard is right in the end`, {
  timeout: 600_000,
}, async () => {
  const sums: Record<string, number> = {};
  for (const seed of seeds) {
    const scenario = scenarioOf(seed);
    const { problems, counts } = await simulate(stage, scenario);
    if (problems.length > 0) throw new Error(await shrink(stage, scenario));
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  // The trouble was there, and the work was done all the same.
  if (ONE === undefined) {
    for (const name of ['requests', 'lost', 'duplicated', 'reset', 'commits', 'events']) {
      expect([name, (sums[name] ?? 0) > seeds.length]).toEqual([name, true]);
    }
  }
});

test('the same seed gives the same world, step by step', async () => {
  const scenario = scenarioOf(Number(ONE ?? 7));
  const first = await simulate(stage, scenario);
  const second = await simulate(stage, scenario);
  expect(second.trace).toEqual(first.trace);
  expect(second.counts).toEqual(first.counts);
});
