/**
 * A world in a box: clients, replicas, clocks, a network and a disk, all of them unreliable, and every run repeatable.
 * One seed: `SIMULATION_SEED=17 npx vitest run test/simulation`. More than 500 of them: `SIMULATION_SEEDS=5000`.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { scenarioOf } from './scenario.js';
import { shrink } from './shrink.js';
import { Stage, simulate } from './simulation.js';

vi.mock('../../service/ledger/hashid.js', () => import('./fixed-ids.js'));

const SEEDS = 500;

/** Tests every seed of this kind: two files share the work, so that it takes two processors. */
export function everySeed(kind: 'odd' | 'even'): void {
  const { SIMULATION_SEED: one, SIMULATION_SEEDS: many = SEEDS } = process.env;
  const all = Array.from({ length: Number(many) }, (_, i) => i + 1);
  const own = (one === undefined ? all : [Number(one)]).filter((seed) => (seed % 2 === 1) === (kind === 'odd'));
  const stage = new Stage();
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  test(`I4, I6, I7, I9, I13: in ${own.length} worlds nothing acknowledged is lost, nothing counted twice, nothing overspent, nothing held in the end`, {
    timeout: 3_600_000,
  }, async () => {
    const sums: Record<string, number> = {};
    for (const seed of own) {
      const scenario = scenarioOf(seed);
      const outcome = await simulate(stage, scenario);
      if (outcome.problems.length > 0) throw new Error(await shrink(stage, scenario, outcome));
      for (const [name, count] of Object.entries(outcome.counts)) sums[name] = (sums[name] ?? 0) + count;
    }
    // The trouble was there, and the work was done all the same.
    if (one !== undefined) return;
    for (const name of [
      'requests',
      'lost',
      'duplicated',
      'reset',
      'commits',
      'events',
      'kills',
      'refused',
      'conflicts',
      'held',
      'refusedHolds',
      'unavailable',
    ]) {
      expect([name, (sums[name] ?? 0) > own.length / 2]).toEqual([name, true]);
    }
  });

  test('the same seed gives the same world, step by step', async () => {
    const scenario = scenarioOf(own[0] ?? 7);
    const first = await simulate(stage, scenario);
    const second = await simulate(stage, scenario);
    expect(second.trace).toEqual(first.trace);
    expect(second.counts).toEqual(first.counts);
  });
}
