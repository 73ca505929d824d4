import { describe, expect, it } from 'vitest';
import type { RefreshResult } from '../../cache/feed-refresher.js';
import { Poller } from '../../cache/poller.js';
import { fakeRuntime } from './support/fake-runtime.js';

const MINUTE = 60_000;
const OK: RefreshResult = { kind: 'not-modified' };
const FAILED: RefreshResult = { kind: 'failed', reason: 'HTTP 503' };

function pollerWith(options: { random?: () => number; durationMs?: number } = {}) {
  const { runtime, clock } = fakeRuntime();
  const state = {
    result: OK,
    at: [] as number[],
    running: 0,
    runningMax: 0,
    coolDownMs: 0,
    aborted: 0,
    isBehind: true,
    next: 'interval' as 'now' | 'wait' | 'interval',
  };
  const begin = clock.monotonicNow();
  const poller = new Poller(
    {
      coolDownLeftMs: () => state.coolDownMs,
      isBehind: () => state.isBehind,
      next: () => state.next,
      async refresh(signal) {
        state.at.push(clock.monotonicNow() - begin);
        state.running += 1;
        state.runningMax = Math.max(state.runningMax, state.running);
        if (options.durationMs !== undefined) {
          await new Promise<void>((resolve) => {
            clock.setTimer(resolve, options.durationMs!);
            signal.addEventListener('abort', () => resolve());
          });
        }
        if (signal.aborted) state.aborted += 1;
        state.running -= 1;
        return state.result;
      },
    },
    { ...runtime, random: options.random ?? (() => 0.5) },
    MINUTE,
  );
  return { poller, state, clock };
}

describe('the poller', () => {
  it('does nothing before it is started, and then polls at once and at each interval', async () => {
    const { poller, state, clock } = pollerWith();
    await clock.advance(10 * MINUTE);
    expect(state.at).toEqual([]);
    expect(clock.pending()).toBe(0);
    poller.start();
    poller.start();
    await clock.advance(0);
    await clock.advance(3 * MINUTE);
    expect(state.at).toEqual([10, 11, 12, 13].map((minute) => minute * MINUTE));
  });

  it.each([
    [0, 54_000],
    [0.5, 60_000],
    [0.9999, 65_998.8],
  ])('moves a poll by at most a tenth of the interval (chance %d: %d ms)', async (random, expected) => {
    const { poller, state, clock } = pollerWith({ random: () => random });
    poller.start();
    await clock.advance(0);
    await clock.advance(66_000);
    expect(state.at[1]).toBeCloseTo(expected, 5);
  });

  it('has one refresh under way, which everybody shares', async () => {
    const { poller, state, clock } = pollerWith({ durationMs: 500 });
    poller.start();
    const shared = [poller.refresh(), poller.refresh()];
    for (let read = 0; read < 50; read += 1) poller.wake();
    await clock.advance(500);
    expect(await Promise.all(shared)).toEqual([OK, OK]);
    expect(state.at).toHaveLength(1);
    expect(state.runningMax).toBe(1);
  });

  it('lets a read wake it, but not for one interval after a failure', async () => {
    const { poller, state, clock } = pollerWith();
    state.result = FAILED;
    poller.start();
    await clock.advance(0);
    await clock.advance(30_000);
    poller.wake();
    expect(state.at).toHaveLength(1);
    state.result = OK;
    await clock.advance(30_000);
    expect(state.at).toHaveLength(2);
    await clock.advance(1_000);
    poller.wake();
    expect(state.at).toHaveLength(3);
  });

  it('I9: goes on after every failure, for as long as it takes', async () => {
    const { poller, state, clock } = pollerWith();
    state.result = FAILED;
    poller.start();
    await clock.advance(0);
    await clock.advance(60 * MINUTE);
    expect(state.at).toHaveLength(61);
    expect(clock.pending()).toBe(1);
  });

  it('gathers hints: many in 50 ms lead to one refresh, one that comes during a refresh to one more', async () => {
    const { poller, state, clock } = pollerWith({ durationMs: 10 });
    poller.start();
    poller.hint();
    poller.hint();
    await clock.advance(10);
    for (let hints = 0; hints < 20; hints += 1) poller.hint();
    await clock.advance(39);
    expect(state.at).toHaveLength(1);
    await clock.advance(1);
    expect(state.at).toHaveLength(2);
    await clock.advance(5_000);
    expect(state.at).toHaveLength(2);
    poller.hint();
    expect(state.at).toHaveLength(3);
  });

  it('drops a hint that the refresh under way has satisfied', async () => {
    const { poller, state, clock } = pollerWith({ durationMs: 100 });
    poller.start();
    poller.hint();
    state.isBehind = false;
    await clock.advance(10_000);
    expect(state.at).toHaveLength(1);
  });

  it('does not follow hints while the service fails', async () => {
    const { poller, state, clock } = pollerWith();
    state.result = FAILED;
    poller.start();
    for (let second = 0; second < 50; second += 1) {
      await clock.advance(1_000);
      poller.hint();
    }
    expect(state.at).toHaveLength(1);
  });

  it('polls again after a cool-down that is longer than the interval, and reads do not cut it short', async () => {
    const { poller, state, clock } = pollerWith();
    state.result = FAILED;
    state.coolDownMs = 200_000;
    poller.start();
    await clock.advance(0);
    await clock.advance(199_999);
    poller.wake();
    expect(state.at).toHaveLength(1);
    await clock.advance(6_001);
    expect(state.at).toHaveLength(2);
  });

  it('looks for missing credentials every 5 s', async () => {
    const { poller, state, clock } = pollerWith();
    state.result = { kind: 'skipped', reason: 'unconfigured' };
    poller.start();
    for (let read = 0; read < 50; read += 1) {
      poller.wake();
      await clock.advance(1);
    }
    expect(state.at).toHaveLength(1);
    await clock.advance(10_000);
    expect(state.at).toHaveLength(3);
  });

  it('stops: ends what waits, waits for what is under way, and never arms again', async () => {
    const { poller, state, clock } = pollerWith({ durationMs: 5_000 });
    poller.start();
    await Promise.all([poller.stop(), poller.stop()]);
    expect(state.aborted).toBe(1);
    expect(state.running).toBe(0);
    await clock.advance(10 * MINUTE);
    poller.start();
    poller.wake();
    poller.hint();
    expect(await poller.refresh()).toEqual({ kind: 'skipped', reason: 'stopped' });
    expect(state.at).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});
