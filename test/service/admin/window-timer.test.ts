import { createLog, createRuntime, type Runtime } from 'fusewire/internal';
import { describe, expect, it } from 'vitest';
import { createWindowTimer } from '../../../service/admin/window-timer.js';

/** A clock and timers that only the test moves. */
function fakeRuntime() {
  let nowMs = 1_000_000;
  let timers: { task: () => void; atMs: number }[] = [];
  const lines: string[] = [];
  const runtime: Runtime = createRuntime({
    now: () => nowMs,
    log: createLog('DEBUG', (line) => void lines.push(line)),
    setTimer(task, delayMs) {
      const timer = { task, atMs: nowMs + delayMs };
      timers.push(timer);
      return {
        cancel() {
          timers = timers.filter((one) => one !== timer);
        },
      };
    },
  });
  return {
    runtime,
    lines,
    waits: () => timers.map(({ atMs }) => atMs - nowMs),
    async pass(ms: number) {
      nowMs += ms;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter((timer) => !due.includes(timer));
      for (const { task } of due) task();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('the window timer', () => {
  it('I13: turns windows at the time that the store names, with no traffic', async () => {
    const fake = fakeRuntime();
    const turns: number[] = [];
    const turnWindows = async () => {
      turns.push(fake.runtime.now());
      return fake.runtime.now() + 4_000;
    };
    const timer = createWindowTimer({ turnWindows }, fake.runtime, fake.runtime.log);
    timer.start();
    await fake.pass(0);
    expect([turns.length, fake.waits()]).toEqual([1, [4_000]]);
    await fake.pass(3_999);
    expect(turns).toHaveLength(1);
    await fake.pass(1);
    expect(turns).toHaveLength(2);
    await timer.stop();
  });

  it('sleeps neither for ever nor not at all', async () => {
    for (const [next, wait] of [
      [Number.MAX_SAFE_INTEGER, 5_000],
      [Number.POSITIVE_INFINITY, 5_000],
      [Number.NaN, 5_000],
      [0, 20],
    ] as const) {
      const fake = fakeRuntime();
      const timer = createWindowTimer({ turnWindows: async () => next }, fake.runtime, fake.runtime.log);
      timer.start();
      await fake.pass(0);
      expect(fake.waits(), String(next)).toEqual([wait]);
      await timer.stop();
    }
  });

  it('I9: goes on after failures, with one line when they begin and one when they are over', async () => {
    const fake = fakeRuntime();
    let broken = true;
    const turnWindows = async () => {
      if (broken) throw new Error('disk full');
      return fake.runtime.now() + 1_000;
    };
    const timer = createWindowTimer({ turnWindows }, fake.runtime, fake.runtime.log);
    timer.start();
    for (let i = 0; i < 5; i += 1) await fake.pass(5_000);
    expect(fake.lines.filter((line) => line.includes('disk full'))).toHaveLength(1);
    broken = false;
    await fake.pass(5_000);
    expect(fake.lines.at(-1)).toContain('windows are turned again');
    expect(fake.waits()).toEqual([1_000]);
    await timer.stop();
  });

  it('stops once: it waits for the turn that is under way and arms nothing after it', async () => {
    const fake = fakeRuntime();
    let finish: (nextMs: number) => void = () => undefined;
    const turnWindows = () =>
      new Promise<number>((resolve) => {
        finish = resolve;
      });
    const timer = createWindowTimer({ turnWindows }, fake.runtime, fake.runtime.log);
    timer.start();
    let stopped = false;
    const stopping = timer.stop().then(() => {
      stopped = true;
    });
    await fake.pass(0);
    expect(stopped).toBe(false);
    finish(fake.runtime.now());
    await stopping;
    expect(fake.waits()).toEqual([]);
  });
});
