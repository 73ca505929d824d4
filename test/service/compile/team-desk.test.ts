/** A feed that somebody watches is kept up to date by itself; one that nobody watches costs no timer. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FeedCache, VALUES_AGE_MAX_MS } from '../../../service/compile/feed-cache.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { Store, Team } from '../../../service/store/store.js';
import { createRuntime } from '../../../src/runtime.js';
import { createFakeClock } from '../../../src/testing/fake-clock.js';
import { until } from '../../helpers/until.js';
import { control, event, handClock, tempFolder } from '../store-support.js';

const BEFORE_MIDNIGHT = Date.UTC(2026, 7, 19, 23, 59, 58);

let folder: ReturnType<typeof tempFolder>;
let store: Store;
let team: Team;
const clock = createFakeClock(BEFORE_MIDNIGHT);
const { runtime } = handClock();
const onClock = createRuntime({ ...clock, log: runtime.log });

beforeEach(async () => {
  folder = tempFolder();
  clock.jump(BEFORE_MIDNIGHT);
  store = await openSqliteStore({ file: `${folder.path}/feed.db`, runtime: onClock, inProcess: true });
  team = await store.createTeam('team');
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const spend = (totalCost: number) => store.recordEvents(team.id, [event(clock.now(), { totalCost })]);
const ruleIn = async (feeds: Pick<FeedCache, 'answer'>) => {
  const answer = await feeds.answer(team.id, { form: 'whole', difference: false });
  return 'body' in answer ? JSON.parse(answer.body.bytes.toString()).rules[0] : undefined;
};
/** Lets time pass until something is told; real work is done in between. */
const passUntil = (stepMs: number, isTold: () => boolean) =>
  until(async () => {
    await clock.advance(stepMs);
    return isTold();
  }, 'nobody was told');

test('I13: whoever waits is told of a reset when the window ends, though nobody calls and no window is turned', async () => {
  await store.createControl(team.id, control({ windowType: 'DAILY' }));
  await spend(2);
  expect((await ruleIn(store.feeds)).breached).toBe(true);
  let told = 0;
  const unwatch = store.feeds.watch(team.id, () => {
    told += 1;
  });
  await clock.advance(1_000);
  expect(told).toBe(0);
  await passUntil(1_001, () => told > 0);
  expect(clock.now()).toBeLessThan(BEFORE_MIDNIGHT + 60_000);
  expect(await ruleIn(store.feeds)).toMatchObject({ breached: false, windowKey: 'DAILY:2026-08-20' });
  unwatch();
});

test('a verdict is told at once, values after ten seconds', async () => {
  clock.jump(BEFORE_MIDNIGHT - 3_600_000);
  await store.createControl(team.id, control({ hardLimit: '10' }));
  await ruleIn(store.feeds);
  const told: number[] = [];
  const unwatch = store.feeds.watch(team.id, () => void told.push(clock.now()));
  await spend(1);
  const spentAt = clock.now();
  await clock.advance(VALUES_AGE_MAX_MS / 2);
  expect(told).toEqual([]);
  await passUntil(500, () => told.length === 1);
  expect(told[0]! - spentAt).toBeGreaterThanOrEqual(VALUES_AGE_MAX_MS / 2);
  const trippedAt = clock.now();
  await spend(20);
  await passUntil(5, () => told.length === 2);
  expect(told[1]! - trippedAt).toBeLessThan(1_000);
  unwatch();
});

test('I9: a feed that cannot be read is tried again, and said once', async () => {
  clock.jump(BEFORE_MIDNIGHT - 3_600_000);
  await store.createControl(team.id, control());
  let isBroken = false;
  const lines: string[] = [];
  const keep = (message: string): void => void lines.push(message);
  const log = { debug: keep, info: keep, warn: keep, error: keep, isDebug: () => false };
  const reads = {
    ...store,
    feedChanges: (...input: Parameters<Store['feedChanges']>) =>
      isBroken ? Promise.reject(new Error('the store is gone')) : store.feedChanges(...input),
  };
  const feeds = new FeedCache({ ...onClock, log }, reads);
  await ruleIn(feeds);
  let told = 0;
  const unwatch = feeds.watch(team.id, () => {
    told += 1;
  });
  isBroken = true;
  await spend(2);
  feeds.moved(team.id, (await store.feedTeam(team.id)).revision);
  for (let i = 0; i < 5; i += 1) await clock.advance(1_001);
  expect(lines).toEqual(['a feed that is watched could not be compiled; trying again']);
  isBroken = false;
  await passUntil(1_001, () => told === 1);
  await until(() => lines.length === 2, 'it is not said that it is over');
  expect((await ruleIn(feeds)).breached).toBe(true);
  unwatch();
  feeds.close();
});

test('nobody watches: no timer', async () => {
  await store.createControl(team.id, control());
  const feeds = new FeedCache(onClock, store);
  await ruleIn(feeds);
  const before = clock.pending();
  feeds.touched(team.id);
  feeds.moved(team.id, 1_000);
  expect(clock.pending()).toBe(before);
  const unwatch = feeds.watch(team.id, () => undefined);
  expect(clock.pending()).toBe(before + 1);
  unwatch();
  expect(clock.pending()).toBe(before);
  feeds.close();
});

test('I6: what a rolling window loses with time alone is shown, to whoever reads and to whoever waits', async () => {
  clock.jump(BEFORE_MIDNIGHT - 3_600_000);
  const rolling = { windowType: 'ROLLING', windowDuration: 'PT1H', hardLimit: '10' } as const;
  // Read on the way, so that nothing else makes the feed come again at the end.
  const passHour = async (): Promise<void> => {
    clock.jump(clock.now() + 35 * 60_000);
    await ruleIn(store.feeds);
    clock.jump(clock.now() + 27.5 * 60_000);
  };
  await store.createControl(team.id, control(rolling));
  await spend(2);
  await clock.advance(VALUES_AGE_MAX_MS);
  expect((await ruleIn(store.feeds)).currentValue).toBe(2);
  await passHour();
  await clock.advance(VALUES_AGE_MAX_MS);
  expect((await ruleIn(store.feeds)).currentValue).toBe(0);

  await spend(3);
  await clock.advance(VALUES_AGE_MAX_MS);
  expect((await ruleIn(store.feeds)).currentValue).toBe(3);
  let told = 0;
  const unwatch = store.feeds.watch(team.id, () => {
    told += 1;
  });
  await passHour();
  told = 0;
  await passUntil(1_001, () => told > 0);
  expect((await ruleIn(store.feeds)).currentValue).toBe(0);
  unwatch();
});
