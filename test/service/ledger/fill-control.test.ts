// A control meets the events of its window in slices, while others record: each event is counted exactly once.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FILL_WAIT_MS, Filler } from '../../../service/store/filler.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { IncomingEvent, Store } from '../../../service/store/store.js';
import {
  control,
  event,
  type HandClock,
  HOUR,
  handClock,
  kindsOf,
  NOON,
  rulesOf,
  tempFolder,
} from '../store-support.js';

let folder: ReturnType<typeof tempFolder>;
let clock: HandClock;
let store: Store;

const open = (fillSlice: number) =>
  openSqliteStore({ file: `${folder.path}/x.db`, runtime: clock.runtime, inProcess: true, fillSlice });

beforeEach(async () => {
  folder = tempFolder();
  clock = handClock();
});
afterEach(async () => {
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.close();
  folder.remove();
});

interface Drop {
  readonly cents: number;
  readonly minutesAgo: number;
  readonly id: string | undefined;
  readonly email: string | undefined;
  readonly turns: number;
}
const drops = (maxLength: number) =>
  fc.array(
    fc.record({
      cents: fc.integer({ min: 0, max: 9 }),
      // From the day before to a clock that is ahead.
      minutesAgo: fc.integer({ min: -4, max: 16 * 60 }),
      id: fc.constantFrom(undefined, 'u1', 'u2'),
      email: fc.constantFrom(undefined, 'a@x', 'b@x'),
      turns: fc.nat(2),
    }),
    { minLength: 1, maxLength },
  );

function eventOf(drop: Drop): IncomingEvent {
  const subscriber = { ...(drop.id && { id: drop.id }), ...(drop.email && { email: drop.email }) };
  const fields = { totalCost: drop.cents / 100, subscriber };
  return event(NOON - drop.minutesAgo * 60_000, fields, NOON);
}

test('I6: controls that are made and rescoped while events come in count each event once', {
  timeout: 120_000,
}, async () => {
  store = await open(3);
  const history = fc.asyncProperty(drops(30), drops(25), fc.nat(20), async (before, during, changeAt) => {
    const { id } = await store.createTeam('t');
    await store.recordEvents(id, before.map(eventOf));
    const made = Promise.all([
      store.createControl(id, control({ hardLimit: '0.3' })),
      store.createControl(id, control({ hardLimit: '0.3', groupBy: 'SUBSCRIBER', windowType: 'MONTHLY' })),
    ]);
    const changed = made.then(async ([first]) => {
      for (let i = 0; i < changeAt; i += 1) await turn();
      return store.updateControl(id, first.id, { windowType: 'WEEKLY' });
    });
    const recorded: Promise<unknown>[] = [changed];
    for (const drop of during) {
      for (let i = 0; i < drop.turns; i += 1) await turn();
      recorded.push(store.recordEvents(id, [eventOf(drop)]));
    }
    await Promise.all(recorded);
    clock.advance(10_000);
    const total = [...before, ...during].reduce((sum, { cents }) => sum + cents, 0);
    const values = (await rulesOf(store, id)).map((rule) => Math.round(rule.currentValue * 100));
    expect(values).toEqual([total, total]);
    expect((await store.verifyBalances()).wrong).toEqual([]);
    for (const { id: controlId } of await made) await store.deleteControl(id, controlId);
  });
  await fc.assert(history, { numRuns: 40, interruptAfterTimeLimit: 60_000 });
});

describe('a control that is being filled', () => {
  let teamId: string;
  beforeEach(async () => {
    store = await open(10);
    teamId = (await store.createTeam('t')).id;
    const events = Array.from({ length: 95 }, (_, i) => event(NOON - HOUR + i, { totalCost: 1 }));
    await store.recordEvents(teamId, events);
  });

  test('is in the feed with what it counts so far, and refuses as soon as that is too much', async () => {
    const made = store.createControl(teamId, control({ hardLimit: '5' }));
    // Asked in the same turn: it comes right behind the first slice.
    const [rule] = await rulesOf(store, teamId);
    expect([rule?.currentValue, rule?.breached]).toEqual([10, true]);
    await made;
    clock.advance(10_000);
    expect((await rulesOf(store, teamId))[0]?.currentValue).toBe(95);
    expect(await kindsOf(store, teamId)).toEqual(['trip']);
  });

  test('verifies clean in the middle, and goes on after a restart', async () => {
    const made = store.createControl(teamId, control({ hardLimit: '5000' })).catch(() => undefined);
    const [rule] = await rulesOf(store, teamId);
    expect(rule?.currentValue).toBe(10);
    expect((await store.verifyBalances()).wrong).toEqual([]);
    await store.close();
    await made;
    store = await open(10);
    expect((await rulesOf(store, teamId))[0]?.currentValue).toBeLessThan(95);
    // One turn of the event loop for each slice is plenty.
    for (let i = 0; i < 200; i += 1) await turn();
    clock.advance(10_000);
    expect((await rulesOf(store, teamId))[0]?.currentValue).toBe(95);
  });

  test('keeps refusing what it refused before it was changed, until the new count is complete', async () => {
    const { id } = await store.createControl(teamId, control({ hardLimit: '50' }));
    const changed = store.updateControl(teamId, id, { windowType: 'WEEKLY', hardLimit: '500' });
    // Asked in the same turn: it comes right behind the first slice of the new count.
    const during = await rulesOf(store, teamId);
    expect(during.map(({ breached }) => breached)).toContain(true);
    expect(during.find(({ breached }) => breached)).toMatchObject({ threshold: 50, currentValue: 95 });
    expect(during.find(({ breached }) => !breached)).toMatchObject({ threshold: 500, currentValue: 10 });
    expect(new Set(during.map(({ ruleId }) => ruleId)).size).toBe(1);
    await changed;
    clock.advance(10_000);
    expect((await rulesOf(store, teamId)).map((rule) => [rule.currentValue, rule.breached])).toEqual([[95, false]]);
    expect(await kindsOf(store, teamId)).toEqual(['trip', 'reset']);
  });

  test('keeps refusing the groups that it refused, also through a second change', async () => {
    const { id } = await store.createControl(teamId, control({ hardLimit: '50', groupBy: 'MODEL' }));
    const refused = async () =>
      (await rulesOf(store, teamId)).filter(({ breached }) => breached).map(({ filters }) => filters[0]?.value);
    expect(await refused()).toEqual(['gpt-4o-mini']);
    const one = store.updateControl(teamId, id, { windowType: 'WEEKLY' });
    const two = store.updateControl(teamId, id, { windowType: 'MONTHLY' });
    expect(await refused()).toEqual(['gpt-4o-mini']);
    await Promise.all([one, two]);
    expect(await refused()).toEqual(['gpt-4o-mini']);
  });

  test('what is held ends with the window that it was refused in', async () => {
    const { id } = await store.createControl(teamId, control({ hardLimit: '50' }));
    const changed = store.updateControl(teamId, id, { windowType: 'WEEKLY', hardLimit: '500' }).catch(() => undefined);
    expect((await rulesOf(store, teamId)).some(({ breached }) => breached)).toBe(true);
    await store.close();
    await changed;
    clock.advance(12 * HOUR);
    store = await open(10);
    expect((await rulesOf(store, teamId)).some(({ breached }) => breached)).toBe(false);
    for (let i = 0; i < 200; i += 1) await turn();
  });

  test('can be deleted, switched off and limited anew in the middle', async () => {
    const one = store.createControl(teamId, control({ name: 'one', hardLimit: '5000' }));
    const two = store.createControl(teamId, control({ name: 'two', hardLimit: '5000' }));
    const three = store.createControl(teamId, control({ name: 'three', hardLimit: '5000' }));
    const { items } = await store.listControls(teamId, { page: 0, size: 9 });
    const idOf = (name: string) => items.find((item) => item.name === name)?.id ?? '';
    const changes = [
      store.deleteControl(teamId, idOf('one')),
      store.updateControl(teamId, idOf('two'), { enabled: false }),
      store.updateControl(teamId, idOf('three'), { hardLimit: '50' }),
    ];
    await Promise.all([one, two, three, ...changes]);
    clock.advance(10_000);
    const rules = await rulesOf(store, teamId);
    expect(rules.map((rule) => [rule.name, rule.currentValue, rule.breached])).toEqual([['three', 95, true]]);
  });
});

test('who makes a control waits a bound time for it; a slice that fails is tried again', async () => {
  store = await open(10);
  const timers: { run: () => void; ms: number; cancelled: boolean }[] = [];
  const runtime = {
    ...clock.runtime,
    setTimer: (run: () => void, ms: number) => {
      const timer = { run, ms, cancelled: false };
      timers.push(timer);
      return {
        cancel() {
          timer.cancelled = true;
        },
      };
    },
  } as unknown as typeof clock.runtime;
  let failing = true;
  let steps = 0;
  const filler = new Filler(runtime, async () => {
    steps += 1;
    if (failing) throw new Error('disk full');
    return [];
  });
  let settled = false;
  const waiting = filler.filled('c').then(() => {
    settled = true;
  });
  await turn();
  expect([steps, settled]).toEqual([1, false]);
  expect(timers.map(({ ms }) => ms)).toEqual([FILL_WAIT_MS, 1_000]);
  expect(clock.logged.join()).toContain('trying again');
  failing = false;
  timers[1]?.run();
  await waiting;
  expect(timers[0]?.cancelled).toBe(true);
  const endless = new Filler(runtime, () => new Promise(() => undefined));
  const limited = endless.filled('c');
  timers[2]?.run();
  await limited;
  filler.stop();
  endless.stop();
});
