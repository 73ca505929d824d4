import { expect, test } from 'vitest';
import { FeedWaiters } from '../../../service/feed/feed-waiters.js';
import type { FeedAsk, FeedDesk } from '../../../service/store/store.js';
import { createRuntime } from '../../../src/runtime.js';
import { createFakeClock } from '../../../src/testing/fake-clock.js';

const ASK: FeedAsk = { form: 'whole', difference: true, ifNoneMatch: '"1-a"' };

function waitingRoom(limits = {}) {
  const clock = createFakeClock();
  const logged: string[] = [];
  const keep = (message: string): void => void logged.push(message);
  const log = { debug: keep, info: keep, warn: keep, error: keep, isDebug: () => false };
  const runtime = createRuntime({ ...clock, log });
  let isDifferent = false;
  const watching = new Map<string, () => void>();
  const feeds: Pick<FeedDesk, 'watch' | 'differs'> = {
    differs: () => isDifferent,
    watch(teamId, changed) {
      watching.set(teamId, changed);
      return () => void watching.delete(teamId);
    },
  };
  const waiters = new FeedWaiters(runtime, feeds as FeedDesk, limits);
  const change = () => {
    isDifferent = true;
    for (const changed of [...watching.values()]) changed();
  };
  const wait = (seconds: number, teamId = 'a', signal = new AbortController().signal) => {
    const state = { done: false };
    void waiters.wait(teamId, ASK, seconds * 1_000, signal).then(() => {
      state.done = true;
    });
    return state;
  };
  return { clock, waiters, watching, wait, change, logged };
}

test('a thousand waiters cost one timer and one watch, and none when they are gone', async () => {
  const { clock, waiters, wait, watching, change } = waitingRoom();
  const waits = Array.from({ length: 1_000 }, () => wait(30));
  expect([clock.pending(), watching.size, waiters.counters().waiting]).toEqual([1, 1, 1_000]);
  change();
  // In turns: others are served after the first few.
  expect(waiters.counters().waiting).toBeLessThan(1_000);
  expect(waiters.counters().waiting).toBeGreaterThan(900);
  for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(waits.every(({ done }) => done)).toBe(true);
  expect([watching.size, waiters.counters().waiting]).toEqual([0, 0]);
});

test('a wait is over when its time is, a little later at the most', async () => {
  const { clock, wait } = waitingRoom();
  const [short, long] = [wait(1), wait(3)];
  await clock.advance(999);
  expect([short.done, long.done]).toEqual([false, false]);
  await clock.advance(252);
  expect([short.done, long.done]).toEqual([true, false]);
  await clock.advance(2_000);
  expect(long.done).toBe(true);
});

test('a client that hangs up is forgotten at once', async () => {
  const { clock, wait, waiters, watching } = waitingRoom();
  const leaving = new AbortController();
  const state = wait(30, 'a', leaving.signal);
  leaving.abort();
  await clock.advance(0);
  expect([state.done, waiters.counters().waiting, watching.size]).toEqual([true, 0, 0]);
});

test('I10: beyond the bound they are answered at once, said once when it begins and once when it is over', async () => {
  const { clock, wait, waiters, logged, change } = waitingRoom({ teamMax: 3, allMax: 4 });
  const waits = [wait(30), wait(30), wait(30), wait(30), wait(30, 'b'), wait(30, 'c')];
  await clock.advance(0);
  expect(waits.map(({ done }) => done)).toEqual([false, false, false, true, false, true]);
  expect(waiters.counters()).toEqual({ waiting: 4, turnedAway: 2 });
  change();
  await clock.advance(0);
  expect(logged).toEqual([
    'too many pollers wait for the feed; the rest is answered at once',
    'pollers can wait for the feed again',
  ]);
});

test('close ends every wait and begins none', async () => {
  const { clock, wait, waiters } = waitingRoom();
  const state = wait(30);
  waiters.close();
  await clock.advance(0);
  const later = wait(30);
  await clock.advance(0);
  expect([state.done, later.done, clock.pending()]).toEqual([true, true, 0]);
});
