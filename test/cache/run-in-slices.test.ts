import { describe, expect, test } from 'vitest';
import { runInSlices } from '../../cache/run-in-slices.js';

/** A clock on which every step takes a millisecond. */
function slowSteps(count: number) {
  const clock = { ms: 0 };
  function* steps(): Generator<void, string> {
    for (let i = 0; i < count; i += 1) {
      clock.ms += 1;
      yield;
    }
    return 'done';
  }
  return { steps: steps(), runtime: { monotonicNow: () => clock.ms } };
}

async function turnsOf(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  void work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  return turns;
}

describe('running in slices', () => {
  test('gives other work its turn whenever the budget is used', async () => {
    const { steps, runtime } = slowSteps(100);
    const work = runInSlices(steps, runtime, 4);
    expect(await turnsOf(work)).toBeGreaterThanOrEqual(25);
    expect(await work).toBe('done');
  });

  test('ends in one slice where the budget allows', async () => {
    const { steps, runtime } = slowSteps(3);
    const work = runInSlices(steps, runtime, 10);
    expect(await turnsOf(work)).toBeLessThanOrEqual(2);
  });

  test('rejects with what a step throws', async () => {
    const failing = (function* (): Generator<void, never> {
      yield;
      throw new Error('broken step');
    })();
    await expect(runInSlices(failing, { monotonicNow: () => 0 })).rejects.toThrow('broken step');
  });
});
