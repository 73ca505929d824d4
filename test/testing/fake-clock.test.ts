import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../src/testing/fake-clock.js';

describe('the fake clock', () => {
  it('runs timers in order of their time, at their time', async () => {
    const clock = createFakeClock(1_000_000);
    const seen: [string, number][] = [];
    clock.setTimer(() => seen.push(['late', clock.now()]), 50);
    clock.setTimer(() => {
      seen.push(['early', clock.now()]);
      clock.setTimer(() => seen.push(['nested', clock.now()]), 10);
    }, 20);
    clock.setTimer(() => seen.push(['never', clock.now()]), 1_000);
    await clock.advance(100);
    expect(seen).toEqual([
      ['early', 1_000_020],
      ['nested', 1_000_030],
      ['late', 1_000_050],
    ]);
    expect(clock.now()).toBe(1_000_100);
    expect(clock.pending()).toBe(1);
  });

  it('a cancelled timer does not run, and a jump of the wall clock moves no timer', async () => {
    const clock = createFakeClock();
    let ran = 0;
    clock.setTimer(() => (ran += 1), 10).cancel();
    clock.setTimer(() => (ran += 1), 10);
    clock.jump(5);
    expect(clock.now()).toBe(5);
    expect(ran).toBe(0);
    await clock.advance(10);
    expect(ran).toBe(1);
  });
});
