/** Windows and unknown prices: the part of the store contract that carries I5 and I13. */
import { expect, test } from 'vitest';
import type { Bench } from './store-contract.js';
import { control, DAY, event, HOUR, kindsOf, NOON, rulesOf } from './store-support.js';

const MIDNIGHT = NOON + 12 * HOUR;

export function windowContract(bench: Bench): void {
  test('I13: a verdict ends with its window, without any traffic, and its reset is written down', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ hardLimit: '1' }));
    await store.createControl(team.id, control({ hardLimit: '1', windowType: 'WEEKLY' }));
    expect(await store.turnWindows()).toBe(MIDNIGHT);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    const before = await store.feed(team.id);
    expect((await rulesOf(store, team.id)).map(({ breached }) => breached)).toEqual([true, true]);
    clock.advance(12 * HOUR);
    expect(await store.turnWindows()).toBe(MIDNIGHT + DAY);
    const [daily, weekly] = await rulesOf(store, team.id);
    expect(daily).toMatchObject({ breached: false, currentValue: 0, windowKey: 'DAILY:2026-08-20' });
    expect(weekly).toMatchObject({ breached: true, currentValue: 1 });
    const after = await store.feed(team.id);
    expect(after.revision).toBeGreaterThan(before.revision);
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'trip', 'reset']);
    await store.turnWindows();
    expect((await store.feed(team.id)).revision).toBe(after.revision);
  });

  test('I13: a feed that is read after midnight is about today, although nobody turned the windows', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ hardLimit: '1' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(true);
    clock.advance(12 * HOUR);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: false, windowKey: 'DAILY:2026-08-20' });
  });

  test('I13: a service that slept over windows turns them when it wakes', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ windowType: 'QUARTERLY' }));
    await store.turnWindows();
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    clock.advance(400 * DAY);
    await bench.reopen();
    await bench.store.turnWindows();
    expect((await rulesOf(bench.store, team.id))[0]).toMatchObject({ breached: false, currentValue: 0 });
    expect(await kindsOf(bench.store, team.id)).toEqual(['trip', 'reset']);
  });

  test('I13: an event of yesterday moves no verdict of today', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ hardLimit: '1' }));
    clock.advance(13 * HOUR);
    await store.turnWindows();
    const { revision } = await store.feed(team.id);
    await store.recordEvents(team.id, [event(clock.nowMs - 2 * HOUR, { totalCost: 5 }, clock.nowMs)]);
    expect(await store.feed(team.id)).toMatchObject({ revision });
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: false, currentValue: 0 });
    expect(await kindsOf(store, team.id)).toEqual([]);
  });

  test('an event with an impossible request time counts by its receipt and is flagged', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ hardLimit: '9' }));
    const old = event(NOON - 26 * HOUR, { totalCost: 1 }, NOON);
    const future = event(NOON + HOUR, { totalCost: 1 }, NOON);
    const none = event(NOON, { totalCost: 1, requestTime: 'soon' });
    await store.recordEvents(team.id, [old, future, none]);
    expect((await rulesOf(store, team.id))[0]?.currentValue).toBe(3);
    const { items } = await store.findEvents(team.id, { page: 0, size: 9 });
    expect(items.map(({ windowFlagged, windowTimeMs }) => [windowFlagged, windowTimeMs])).toEqual(
      [old, future, none].map(() => [true, NOON]),
    );
  });

  test('an event that is ahead of the clock waits in its window and counts when it begins', async () => {
    const { store, team, clock } = bench;
    clock.advance(12 * HOUR - 60_000);
    await store.createControl(team.id, control({ hardLimit: '1' }));
    await store.turnWindows();
    await store.recordEvents(team.id, [event(MIDNIGHT + 60_000, { totalCost: 1 }, clock.nowMs)]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: false, currentValue: 0 });
    await store.createControl(team.id, control({ hardLimit: '1' }));
    clock.advance(60_000);
    await store.turnWindows();
    expect((await rulesOf(store, team.id)).map(({ breached }) => breached)).toEqual([true, true]);
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'trip']);
  });

  test('I9: a clock that jumped ahead and came back leaves no control that stopped counting', async () => {
    const { store, team, clock } = bench;
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    clock.advance(40 * DAY);
    await store.turnWindows();
    await store.createControl(team.id, control({ hardLimit: '2' }));
    clock.advance(-40 * DAY);
    await store.turnWindows();
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 2, breached: true });
  });

  test('a limit of 0 trips at once, and again in every window', async () => {
    const { store, team, clock } = bench;
    await store.turnWindows();
    await store.createControl(team.id, control({ hardLimit: '0' }));
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: true, currentValue: 0, percentUsed: 100 });
    clock.advance(DAY);
    await store.turnWindows();
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: true });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset', 'trip']);
  });

  test('I5: an unknown price is flagged once per control and window, and refuses where the control says so', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ name: 'flags', hardLimit: '100' }));
    await store.createControl(team.id, control({ name: 'refuses', hardLimit: '100', onUnknownPrice: 'refuse' }));
    await store.createControl(
      team.id,
      control({ metricType: 'TOKEN_COUNT', hardLimit: '100', onUnknownPrice: 'refuse' }),
    );
    await store.turnWindows();
    const unknown = (nowMs: number) => event(nowMs, { model: 'in-house-1', totalTokenCount: 1, inputTokenCount: 1 });
    await store.recordEvents(team.id, [unknown(NOON), unknown(NOON)]);
    const breached = async () => (await rulesOf(store, team.id)).map((rule) => rule.breached);
    expect(await breached()).toEqual([false, true, false]);
    expect([...(await kindsOf(store, team.id))].sort()).toEqual(['trip', 'unknown-price', 'unknown-price']);
    const { items } = await store.findEvents(team.id, { page: 0, size: 1 });
    expect(items[0]).toMatchObject({ priceState: 'unknown', amountNanoUsd: 0n });
    clock.advance(DAY);
    await store.turnWindows();
    expect(await breached()).toEqual([false, false, false]);
    await store.recordEvents(team.id, [unknown(clock.nowMs)]);
    expect(await breached()).toEqual([false, true, false]);
    expect((await kindsOf(store, team.id)).filter((kind) => kind === 'unknown-price')).toHaveLength(4);
  });

  test('I5: a control that meets unknown prices in the back-fill says so, once', async () => {
    const { store, team } = bench;
    await store.recordEvents(team.id, [event(NOON, { model: 'in-house-1', inputTokenCount: 1 })]);
    const { id } = await store.createControl(team.id, control({ onUnknownPrice: 'refuse' }));
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(true);
    await store.updateControl(team.id, id, { filters: [{ dimension: 'MODEL', operator: 'CONTAINS', value: 'house' }] });
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(true);
    await store.updateControl(team.id, id, { onUnknownPrice: 'flag' });
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(false);
    expect((await kindsOf(store, team.id)).filter((kind) => kind === 'unknown-price')).toHaveLength(1);
  });
}
