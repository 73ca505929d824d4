/** ROLLING windows, time zones, hours and lifetimes: the part of the store contract that says when a verdict ends. */
import { expect, test } from 'vitest';
import { VALUES_AGE_MAX_MS } from '../../service/compile/feed-cache.js';
import type { Bench } from './store-contract.js';
import { control, DAY, event, HOUR, kindsOf, NOON, rulesOf } from './store-support.js';

const MINUTE = 60_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const hour = (fields: Parameters<typeof control>[0] = {}) =>
  control({ windowType: 'ROLLING', windowDuration: 'PT1H', hardLimit: '2', ...fields });

export function rollingContract(bench: Bench): void {
  const spend = (minutes: number, totalCost: number, fields: Record<string, unknown> = {}) =>
    bench.store.recordEvents(bench.team.id, [
      event(NOON + minutes * MINUTE, { totalCost, ...fields }, bench.clock.nowMs),
    ]);
  const first = async () => (await rulesOf(bench.store, bench.team.id))[0];
  /** To the minute after NOON, and windows turned as a timer does. */
  const goTo = async (minutes: number) => {
    bench.clock.advance(NOON + minutes * MINUTE - bench.clock.nowMs);
    return bench.store.turnWindows();
  };

  test('I13: a rolling control refuses until enough has left its window, and says when that is', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour());
    await spend(0, 1);
    await goTo(30);
    await spend(30, 1.5);
    // A bucket is a minute; the first one has left when it is older than 60 others.
    expect(await first()).toMatchObject({
      breached: true,
      currentValue: 2.5,
      windowKey: 'ROLLING:PT1H',
      resetsAt: iso(NOON + 61 * MINUTE),
    });
    await goTo(31);
    expect(await goTo(60)).toBeLessThanOrEqual(NOON + 61 * MINUTE);
    expect(await first()).toMatchObject({ breached: true, currentValue: 2.5 });
    await goTo(61);
    expect(await first()).toMatchObject({ breached: false, currentValue: 1.5 });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
    await goTo(91);
    expect(await first()).toMatchObject({ breached: false, currentValue: 0 });
  });

  test('I13: a feed that is read late is about now, although nobody turned the windows', async () => {
    await bench.store.createControl(bench.team.id, hour());
    await spend(0, 3);
    expect(await first()).toMatchObject({ breached: true });
    bench.clock.advance(61 * MINUTE);
    expect(await first()).toMatchObject({ breached: false, currentValue: 0 });
  });

  test('what is spent while a rolling control refuses puts its reset off', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour());
    await spend(0, 2);
    await goTo(40);
    await spend(40, 2);
    await goTo(62);
    expect(await first()).toMatchObject({ breached: true, currentValue: 2, resetsAt: iso(NOON + 101 * MINUTE) });
    await goTo(100);
    expect(await first()).toMatchObject({ breached: true });
    await goTo(101);
    expect(await first()).toMatchObject({ breached: false });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
  });

  test('an event counts in the rolling window by its own time: a late one leaves early, an old one never counts', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour());
    await goTo(180);
    await spend(140, 2);
    expect(await first()).toMatchObject({ breached: true, resetsAt: iso(NOON + 201 * MINUTE) });
    await spend(60, 50);
    expect(await first()).toMatchObject({ breached: true, currentValue: 2 });
    // A clock that is ahead: the event counts at once.
    await spend(184, 1);
    bench.clock.advance(VALUES_AGE_MAX_MS);
    expect(await first()).toMatchObject({ currentValue: 3 });
    await goTo(201);
    expect(await first()).toMatchObject({ breached: false, currentValue: 1 });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
  });

  test('groups of a rolling control trip and reset each by themselves', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour({ groupBy: 'SUBSCRIBER' }));
    await store.createControl(team.id, hour({ groupBy: 'MODEL', warnThreshold: '1' }));
    const by = (id: string, model: string) => ({ subscriber: { id }, model });
    await spend(0, 2, by('ann', 'm1'));
    await goTo(30);
    await spend(30, 3, by('bob', 'm2'));
    const refused = async () => {
      const [people, ...models] = await rulesOf(store, team.id);
      const groups = people?.groupBreakdown?.filter(({ breached }) => breached).map(({ groupValue }) => groupValue);
      return [
        groups?.sort(),
        models
          .filter(({ breached }) => breached)
          .map(({ filters }) => filters[0]?.value)
          .sort(),
      ];
    };
    expect(await refused()).toEqual([
      ['ann', 'bob'],
      ['m1', 'm2'],
    ]);
    await goTo(61);
    expect(await refused()).toEqual([['bob'], ['m2']]);
    await goTo(91);
    expect(await refused()).toEqual([[], []]);
    const kinds = await kindsOf(store, team.id);
    expect(kinds.filter((kind) => kind.startsWith('trip'))).toHaveLength(4);
    expect(kinds.filter((kind) => kind.startsWith('reset'))).toHaveLength(4);
  });

  test('a rolling limit of 0: all are refused always; of groups, those that were seen in the window', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour({ hardLimit: '0' }));
    await store.createControl(team.id, hour({ hardLimit: '0', groupBy: 'AGENT' }));
    await spend(0, 0, { agent: 'bot' });
    const verdicts = async () =>
      (await rulesOf(store, team.id)).map(({ breached, filters }) => [breached, filters[0]?.value]);
    expect(await verdicts()).toEqual([
      [true, undefined],
      [false, undefined],
      [true, 'bot'],
    ]);
    await goTo(61);
    expect(await verdicts()).toEqual([
      [true, undefined],
      [false, undefined],
    ]);
  });

  test('a group that fell while nobody turned the windows and spends again is refused again', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, hour({ groupBy: 'AGENT' }));
    const refused = async () => (await rulesOf(store, team.id)).filter(({ breached }) => breached).length;
    await spend(0, 3, { agent: 'bot' });
    expect(await refused()).toBe(1);
    // The feed drops it by itself; the ledger has not heard of it.
    clock.advance(3 * HOUR);
    expect(await refused()).toBe(0);
    await spend(180, 3, { agent: 'bot' });
    expect(await refused()).toBe(1);
    expect(await kindsOf(store, team.id)).toEqual(['trip bot', 'reset bot', 'trip bot']);
  });

  test('two addresses that turn out to be one person have one rolling budget', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, hour({ groupBy: 'SUBSCRIBER', hardLimit: '3' }));
    await spend(0, 2, { subscriber: { email: 'ann@example.org' } });
    await goTo(20);
    await spend(20, 2, { subscriber: { id: 'ann' } });
    expect((await first())?.groupBreakdown?.filter(({ breached }) => breached)).toEqual([]);
    await spend(20, 0.1, { subscriber: { id: 'ann', email: 'Ann@example.org' } });
    expect((await first())?.groupBreakdown?.find(({ groupValue }) => groupValue === 'ann')).toMatchObject({
      currentValue: 4.1,
      breached: true,
    });
    await goTo(61);
    expect((await first())?.groupBreakdown?.filter(({ breached }) => breached)).toEqual([]);
  });

  test('a rolling control is back-filled, rescoped and resized from the events of its window', async () => {
    const { store, team } = bench;
    await spend(0, 1, { model: 'm1' });
    await goTo(50);
    await spend(50, 1, { model: 'm2' });
    const { id } = await store.createControl(team.id, hour());
    expect(await first()).toMatchObject({ breached: true, currentValue: 2 });
    await store.updateControl(team.id, id, { windowDuration: 'PT10M' });
    expect(await first()).toMatchObject({ breached: false, currentValue: 1, windowKey: 'ROLLING:PT10M' });
    await store.updateControl(team.id, id, {
      windowDuration: 'P1D',
      filters: [{ dimension: 'MODEL', operator: 'IS', value: 'm1' }],
    });
    expect(await first()).toMatchObject({ currentValue: 1 });
    await store.updateControl(team.id, id, { windowType: 'LIFETIME', windowDuration: null, filters: [] });
    expect(await first()).toMatchObject({ breached: true, currentValue: 2, windowKey: 'LIFETIME', resetsAt: null });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset', 'trip']);
  });

  test('I9: a clock that jumped ahead and came back leaves no rolling control that stopped counting', async () => {
    const { store, team, clock } = bench;
    await spend(0, 1);
    clock.advance(40 * DAY);
    await store.createControl(team.id, hour());
    await store.turnWindows();
    clock.advance(-40 * DAY);
    await store.turnWindows();
    await spend(0, 1);
    expect(await first()).toMatchObject({ currentValue: 2, breached: true });
  });

  test('buckets that have left long ago are forgotten, and the sums still hold', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, hour({ groupBy: 'AGENT' }));
    for (let day = 0; day < 4; day += 1) {
      await store.recordEvents(team.id, [event(clock.nowMs, { totalCost: 3, agent: `a${day}` })]);
      clock.advance(DAY);
      await store.turnWindows();
      expect((await store.verifyBalances()).wrong).toEqual([]);
    }
    const { checked } = await store.verifyBalances();
    // The total and two days of groups at most: older ones are gone, with their heads.
    expect(checked).toBeLessThan(10);
  });
}

/** Windows of a calendar that is not UTC's, hours and lifetimes. */
export function zoneContract(bench: Bench): void {
  const first = async () => (await rulesOf(bench.store, bench.team.id))[0];

  test('I13: a day ends at midnight of its own time zone', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ timeZone: 'Europe/Berlin' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    expect(await first()).toMatchObject({
      breached: true,
      windowKey: 'DAILY:2026-08-19',
      resetsAt: iso(NOON + 10 * HOUR),
    });
    expect(await store.turnWindows()).toBe(NOON + 10 * HOUR);
    clock.advance(10 * HOUR);
    expect(await store.turnWindows()).toBe(NOON + 34 * HOUR);
    expect(await first()).toMatchObject({ breached: false, windowKey: 'DAILY:2026-08-20' });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
  });

  test('the day on which clocks are set back has 25 hours, and its budget holds for all of them', async () => {
    const { store, team, clock } = bench;
    const midnight = Date.UTC(2026, 9, 24, 22);
    clock.advance(midnight + HOUR - clock.nowMs);
    await store.createControl(team.id, control({ timeZone: 'Europe/Berlin' }));
    await store.recordEvents(team.id, [event(clock.nowMs, { totalCost: 1 })]);
    expect(await first()).toMatchObject({ breached: true, resetsAt: iso(midnight + 25 * HOUR) });
    clock.advance(24 * HOUR - 1);
    await store.turnWindows();
    expect(await first()).toMatchObject({ breached: true });
    clock.advance(1);
    await store.turnWindows();
    expect(await first()).toMatchObject({ breached: false });
  });

  test('hours, weeks that begin on Sunday, and lifetimes', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ windowType: 'HOURLY', timeZone: 'Asia/Kathmandu' }));
    await store.createControl(team.id, control({ windowType: 'WEEKLY', weekStart: 'SUNDAY' }));
    await store.createControl(team.id, control({ windowType: 'LIFETIME' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    const seen = async () => (await rulesOf(store, team.id)).map(({ breached, windowKey }) => [breached, windowKey]);
    expect(await seen()).toEqual([
      [true, 'HOURLY:2026-08-19T17+05:45'],
      [true, 'WEEKLY:2026-08-16'],
      [true, 'LIFETIME'],
    ]);
    clock.advance(15 * MINUTE);
    await store.turnWindows();
    expect((await seen())[0]).toEqual([false, 'HOURLY:2026-08-19T18+05:45']);
    clock.advance(4 * DAY);
    await store.turnWindows();
    expect((await seen()).map(([breached]) => breached)).toEqual([false, false, true]);
    clock.advance(4_000 * DAY);
    await store.turnWindows();
    expect((await seen())[2]).toEqual([true, 'LIFETIME']);
  });

  test('a lifetime counts what was spent before the control was there', async () => {
    const { store, team, clock } = bench;
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    clock.advance(500 * DAY);
    await store.createControl(team.id, control({ windowType: 'LIFETIME', hardLimit: '2' }));
    await store.recordEvents(team.id, [event(clock.nowMs, { totalCost: 1 })]);
    expect(await first()).toMatchObject({ breached: true, currentValue: 2, resetsAt: null });
  });

  test('controls keep the window they were given, and another time zone counts anew', async () => {
    const { store, team, clock } = bench;
    const made = await store.createControl(
      team.id,
      control({ windowType: 'WEEKLY', timeZone: 'Asia/Tokyo', weekStart: 'FRIDAY' }),
    );
    expect(await store.getControl(team.id, made.id)).toEqual(made);
    expect(made).toMatchObject({ timeZone: 'Asia/Tokyo', weekStart: 'FRIDAY', windowDuration: null });
    await store.recordEvents(team.id, [event(NOON - 20 * HOUR, { totalCost: 1 }, clock.nowMs)]);
    await store.updateControl(team.id, made.id, { windowType: 'DAILY' });
    expect(await first()).toMatchObject({ currentValue: 1, windowKey: 'DAILY:2026-08-19' });
    await store.updateControl(team.id, made.id, { timeZone: 'Pacific/Honolulu' });
    expect(await first()).toMatchObject({ currentValue: 0, windowKey: 'DAILY:2026-08-19' });
    await store.updateControl(team.id, made.id, { windowType: 'WEEKLY' });
    expect(await first()).toMatchObject({ currentValue: 1, windowKey: 'WEEKLY:2026-08-14' });
  });
}
