/** What every store must do. Run by each implementation: the suite is the meaning of service/store/store.ts. */

import type { Runtime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store, Team } from '../../service/store/store.js';
import { declared } from './pricing-support.js';
import { measureContract } from './store-contract-controls.js';
import { customerContract } from './store-contract-customers.js';
import { feedContract } from './store-contract-feed.js';
import { priceContract } from './store-contract-prices.js';
import { rollingContract, zoneContract } from './store-contract-rolling.js';
import { windowContract } from './store-contract-windows.js';
import { control, event, type HandClock, handClock, kindsOf, NOON, rulesOf, tempFolder } from './store-support.js';

/** Opens a store of the implementation under test. The same `place` again is the same store again. */
export type OpenStore = (place: string, runtime: Runtime) => Promise<Store>;

/** What a test works with. */
export interface Bench {
  readonly clock: HandClock;
  readonly store: Store;
  readonly team: Team;
  /** Closes the store and opens it again, as a restart does. */
  reopen(): Promise<void>;
}

export function storeContract(name: string, open: OpenStore): void {
  describe(name, () => {
    let folder: ReturnType<typeof tempFolder>;
    const bench = {} as { -readonly [K in keyof Bench]: Bench[K] };
    beforeEach(async () => {
      folder = tempFolder();
      bench.clock = handClock();
      bench.store = await open(folder.path, bench.clock.runtime);
      bench.team = await bench.store.createTeam('first');
      bench.reopen = async () => {
        await bench.store.close();
        bench.store = await open(folder.path, bench.clock.runtime);
      };
    });
    afterEach(async () => {
      try {
        const { wrong } = await bench.store.verifyBalances();
        expect(wrong).toEqual([]);
      } finally {
        await bench.store.close();
        folder.remove();
      }
    });
    peopleContract(bench);
    customerContract(bench);
    ledgerContract(bench);
    controlContract(bench);
    idempotencyContract(bench);
    feedContract(bench);
    priceContract(bench);
    windowContract(bench);
    zoneContract(bench);
    rollingContract(bench);
    measureContract(bench);
  });
}

function peopleContract(bench: Bench): void {
  test('teams and keys are kept, keys are found by hash and revoked once', async () => {
    const { store, team, clock } = bench;
    expect(await store.getTeam(team.id)).toEqual(team);
    expect(await store.getTeam('nobody')).toBeUndefined();
    const second = await store.createTeam('second');
    expect(second.numericId).not.toBe(team.numericId);
    expect((await store.listTeams()).map(({ name }) => name)).toEqual(['first', 'second']);
    const hash = 'a'.repeat(64);
    const key = await store.addKey({ teamId: team.id, scope: 'write', label: 'ci', hash, hint: 'wxyz' });
    expect(await store.findKey(hash)).toEqual(key);
    expect(await store.findKey('b')).toBeUndefined();
    expect(await store.revokeKey(key.id)).toBe(true);
    expect(await store.revokeKey(key.id)).toBe(false);
    expect(await store.listKeys(team.id)).toEqual([{ ...key, revokedAtMs: clock.nowMs }]);
    expect(await store.listKeys(second.id)).toEqual([]);
  });

  test('what concerns an unknown team fails with UNKNOWN_TEAM, and harms nobody who shares the commit', async () => {
    const { store, team } = bench;
    const good = store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    const bad = store.recordEvents('nobody', [event(NOON)]);
    await expect(bad).rejects.toMatchObject({ name: 'StoreError', code: 'UNKNOWN_TEAM' });
    expect((await good)[0]?.outcome).toBe('stored');
    await expect(store.createControl('nobody', control())).rejects.toMatchObject({ code: 'UNKNOWN_TEAM' });
  });

  test('I5: a new team declares its local Ollama models free, in sight, and can declare otherwise', async () => {
    const { store, team } = bench;
    const ollama = (transactionId: string) =>
      event(NOON, { transactionId, provider: 'OLLAMA', model: 'llama3.2:1b', inputTokenCount: 10 });
    const [first] = await store.listPrices(team.id);
    expect(first).toMatchObject({ provider: 'OLLAMA', model: '*', kind: 'free' });
    await store.recordEvents(team.id, [ollama('free')]);
    await store.setPrice(team.id, declared({ provider: 'ollama' }, { input: 7_000n, output: 1n }));
    await store.recordEvents(team.id, [ollama('priced')]);
    const prices = await store.listPrices(team.id);
    expect(prices).toHaveLength(1);
    expect(prices[0]).toMatchObject({ kind: 'rates', rates: { input: { basePicoUsd: 7_000n } } });
    const { items } = await store.findEvents(team.id, { page: 0, size: 10 });
    const seen = Object.fromEntries(items.map((item) => [item.transactionId, [item.priceState, item.amountNanoUsd]]));
    expect(seen).toEqual({ free: ['free', 0n], priced: ['known', 70n] });
  });
}

function ledgerContract(bench: Bench): void {
  test('I4, I6: the same event again is a duplicate and moves nothing, in whatever order its keys come', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control());
    const one = event(NOON, { totalCost: 0.25, agent: 'a' });
    const reordered = { ...one, receivedAtMs: NOON + 5, body: Object.fromEntries(Object.entries(one.body).reverse()) };
    const [first] = await store.recordEvents(team.id, [one]);
    const [inBatch, twice] = await store.recordEvents(team.id, [reordered, reordered]);
    expect(first?.outcome).toBe('stored');
    for (const again of [inBatch, twice]) {
      expect(again).toMatchObject({ outcome: 'duplicate', id: first?.id, createdAtMs: NOON });
    }
    expect((await rulesOf(store, team.id))[0]?.currentValue).toBe(0.25);
    expect((await store.findEvents(team.id, { page: 0, size: 10 })).totalElements).toBe(1);
    expect((await store.listConflicts(team.id, { page: 0, size: 10 })).totalElements).toBe(0);
  });

  test('I4: another event under the same transaction id is kept, counted and flagged, and moves nothing', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control());
    const one = event(NOON, { totalCost: 0.25 });
    const other = { ...one, body: { ...one.body, totalCost: 99 } };
    const [first] = await store.recordEvents(team.id, [one]);
    const [conflict] = await store.recordEvents(team.id, [other]);
    await store.recordEvents(team.id, [other]);
    expect(conflict).toMatchObject({ outcome: 'conflict', id: first?.id });
    expect((await rulesOf(store, team.id))[0]?.currentValue).toBe(0.25);
    const { items, totalElements } = await store.listConflicts(team.id, { page: 0, size: 10 });
    expect(totalElements).toBe(1);
    expect(items[0]).toMatchObject({ eventId: first?.id, transactionId: one.transactionId, times: 2 });
    expect(items[0]?.body['totalCost']).toBe(99);
    expect(clock.logged.join()).toContain('one transaction id');
  });

  test('transaction ids are unique within a team only', async () => {
    const { store, team } = bench;
    const second = await store.createTeam('second');
    const one = event(NOON, { totalCost: 1 });
    expect((await store.recordEvents(team.id, [one]))[0]?.outcome).toBe('stored');
    expect((await store.recordEvents(second.id, [one]))[0]?.outcome).toBe('stored');
  });

  test('events are read back in pages, newest first, with body and price', async () => {
    const { store, team } = bench;
    const events = [1, 2, 3].map((n) => event(NOON + n, { transactionId: `e${n}`, totalCost: n, taskType: 'x' }));
    await store.recordEvents(team.id, events);
    const page = await store.findEvents(team.id, { page: 1, size: 2 });
    expect(page.totalElements).toBe(3);
    expect(page.items).toHaveLength(1);
    expect(page.items[0]).toMatchObject({
      transactionId: 'e1',
      amountNanoUsd: 1_000_000_000n,
      priceState: 'known',
      rateSource: 'caller',
      windowTimeMs: NOON + 1,
      windowFlagged: false,
    });
    expect(page.items[0]?.body).toEqual(events[0]?.body);
    const found = await store.findEvents(team.id, { transactionId: 'e2', page: 0, size: 5 });
    expect(found.items.map(({ transactionId }) => transactionId)).toEqual(['e2']);
  });

  test('I6: every metric that completions carry is summed, the others stay 0', async () => {
    const { store, team } = bench;
    const metrics = ['TOTAL_COST', 'TOKEN_COUNT', 'INPUT_TOKEN_COUNT', 'OUTPUT_TOKEN_COUNT', 'CACHED_TOKEN_COUNT'];
    const all = [...metrics, 'ERROR_COUNT', 'IMAGE_COUNT', 'CREDITS_CONSUMED'] as const;
    for (const metricType of all) {
      await store.createControl(team.id, control({ metricType: metricType as 'TOTAL_COST', hardLimit: '1000000' }));
    }
    const counts = { inputTokenCount: 10, outputTokenCount: 5, totalTokenCount: 15, cacheReadTokenCount: 3 };
    const cached = { ...counts, cacheCreationTokenCount: 4, totalCost: 0.5 };
    await store.recordEvents(team.id, [event(NOON, cached), event(NOON, { ...cached, stopReason: 'ERROR' })]);
    expect((await rulesOf(store, team.id)).map(({ currentValue }) => currentValue)).toEqual([
      1, 30, 20, 10, 14, 1, 0, 0,
    ]);
  });

  test('I6: everything is there after a restart, and the revision does not go back', async () => {
    const { team, clock } = bench;
    await bench.store.createControl(team.id, control({ hardLimit: '0.5' }));
    const [recorded] = await bench.store.recordEvents(team.id, [event(NOON, { totalCost: 0.7 })]);
    const before = await bench.store.feed(team.id);
    await bench.reopen();
    const after = await bench.store.feed(team.id);
    expect(after.revision).toBe(before.revision);
    expect(after.revision).toBe(recorded?.revision);
    expect(JSON.parse(after.body ?? '').rules).toEqual(JSON.parse(before.body ?? '').rules);
    clock.advance(1);
    const next = await bench.store.createControl(team.id, control());
    expect((await bench.store.feed(team.id)).revision).toBeGreaterThan(before.revision);
    expect(next.ruleId).toBeGreaterThan(1);
  });

  test('many callers at once: each is answered, nothing is lost or counted twice', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ metricType: 'TOKEN_COUNT', hardLimit: '100000' }));
    const one = event(NOON, { totalTokenCount: 1 });
    const calls = Array.from({ length: 300 }, (_, n) =>
      store.recordEvents(team.id, [n % 3 === 0 ? one : event(NOON, { totalTokenCount: 1 })]),
    );
    const outcomes = (await Promise.all(calls)).map(([result]) => result?.outcome);
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(201);
    expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(99);
    expect((await rulesOf(store, team.id))[0]?.currentValue).toBe(201);
  });
}

function controlContract(bench: Bench): void {
  test('controls are created, changed, listed and deleted', async () => {
    const { store, team, clock } = bench;
    const a = await store.createControl(team.id, control({ name: 'Beta', description: 'nightly' }));
    clock.advance(10);
    const b = await store.createControl(team.id, control({ name: 'alpha', metricType: 'TOKEN_COUNT' }));
    expect(a.id).not.toMatch(/^\d/);
    expect(await store.getControl(team.id, a.id)).toEqual(a);
    expect(await store.getControl((await store.createTeam('x')).id, a.id)).toBeUndefined();
    const names = async (query: object) =>
      (await store.listControls(team.id, { page: 0, size: 10, ...query })).items.map(({ name }) => name);
    expect(await names({})).toEqual(['Beta', 'alpha']);
    expect(await names({ sort: { field: 'created', direction: 'desc' } })).toEqual(['alpha', 'Beta']);
    expect(await names({ query: 'NIGHT' })).toEqual(['Beta']);
    expect(await names({ metricType: 'TOKEN_COUNT' })).toEqual(['alpha']);
    expect(await names({ page: 1, size: 1 })).toEqual(['alpha']);
    clock.advance(10);
    const changed = await store.updateControl(team.id, a.id, { name: 'Gamma', warnThreshold: '0.5' });
    expect(changed).toEqual({ ...a, name: 'Gamma', warnThreshold: '0.5', updatedAtMs: clock.nowMs });
    expect(await store.updateControl(team.id, 'nope', { name: 'x' })).toBeUndefined();
    expect(await store.deleteControl(team.id, b.id)).toBe(true);
    expect(await store.deleteControl(team.id, b.id)).toBe(false);
    expect(await names({})).toEqual(['Gamma']);
  });

  test.each([
    [
      'groupBy',
      {
        groupBy: 'MODEL' as const,
        filters: [{ dimension: 'DEPARTMENT' as const, operator: 'IS' as const, value: '3' }],
      },
    ],
    ['filters', { filters: [{ dimension: 'MODEL' as const, operator: 'IN' as const, values: [] }] }],
    ['filters', { filters: [{ dimension: 'MODEL' as const, operator: 'STARTS_WITH' as const, value: '' }] }],
    ['hardLimit', { hardLimit: 'lots' }],
    ['hardLimit', { hardLimit: '-1' }],
    ['warnThreshold', { warnThreshold: '1e40' }],
    ['name', { name: '  ' }],
  ])('a control that cannot be meant is refused by name: %s', async (field, fields) => {
    const { store, team } = bench;
    const refused = store.createControl(team.id, control(fields));
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_CONTROL', problems: { [field]: expect.any(String) } });
    const kept = await store.createControl(team.id, control());
    await expect(store.updateControl(team.id, kept.id, fields)).rejects.toMatchObject({ code: 'INVALID_CONTROL' });
    expect(await store.getControl(team.id, kept.id)).toEqual(kept);
  });

  test('a new control is back-filled from the events of its current window', async () => {
    const { store, team } = bench;
    const yesterday = NOON - 20 * 3_600_000;
    await store.recordEvents(team.id, [
      event(yesterday, { totalCost: 5 }, NOON),
      event(NOON, { totalCost: 1 }),
      event(NOON, { totalCost: 2, agent: 'other' }),
    ]);
    const filters = [{ dimension: 'AGENT' as const, operator: 'IS' as const, value: 'other' }];
    await store.createControl(team.id, control({ hardLimit: '3', name: 'all' }));
    await store.createControl(team.id, control({ hardLimit: '3', name: 'other', filters }));
    expect((await rulesOf(store, team.id)).map((rule) => [rule.currentValue, rule.breached])).toEqual([
      [3, true],
      [2, false],
    ]);
    expect(await kindsOf(store, team.id)).toEqual(['trip']);
  });

  test('raising a limit resets, lowering it trips, deleting resets: each is written down once', async () => {
    const { store, team } = bench;
    const { id } = await store.createControl(team.id, control({ hardLimit: '2', warnThreshold: '1' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1.5 })]);
    await store.updateControl(team.id, id, { hardLimit: '1.5' });
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(true);
    await store.updateControl(team.id, id, { hardLimit: '3' });
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(false);
    await store.updateControl(team.id, id, { hardLimit: '1' });
    await store.updateControl(team.id, id, { description: 'no change of verdict' });
    await store.deleteControl(team.id, id);
    expect(await kindsOf(store, team.id)).toEqual(['warn', 'trip', 'reset', 'trip', 'reset']);
    expect((await store.feed(team.id)).body).toBeNull();
  });

  test('a control that counts something else is counted anew', async () => {
    const { store, team } = bench;
    const { id } = await store.createControl(team.id, control({ hardLimit: '2' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2, totalTokenCount: 7, model: 'm1' })]);
    await store.updateControl(team.id, id, { metricType: 'TOKEN_COUNT', hardLimit: '8' });
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 7, breached: false });
    const filters = [{ dimension: 'MODEL' as const, operator: 'IS' as const, value: 'm2' }];
    await store.updateControl(team.id, id, { filters });
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 0 });
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
  });

  test('a disabled control is not in the feed and counts again from the window it is enabled in', async () => {
    const { store, team } = bench;
    const { id } = await store.createControl(team.id, control({ hardLimit: '2', enabled: false }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2 })]);
    expect(await store.feed(team.id)).toMatchObject({ body: null });
    await store.updateControl(team.id, id, { enabled: true });
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 2, breached: true });
    await store.updateControl(team.id, id, { enabled: false });
    expect(await rulesOf(store, team.id)).toEqual([]);
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
  });

  test('a shadow control is evaluated and shown, and its trip is written down as a shadow', async () => {
    const { store, team } = bench;
    const { id } = await store.createControl(team.id, control({ shadowMode: true }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2 })]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: true, shadowMode: true });
    await store.updateControl(team.id, id, { shadowMode: false });
    await store.updateControl(team.id, id, { shadowMode: true });
    expect(await kindsOf(store, team.id)).toEqual(['shadow', 'trip', 'reset', 'shadow']);
  });
}

function idempotencyContract(bench: Bench): void {
  const once = (key: string, bodyHash: string, fields: Record<string, unknown> = {}, team = bench.team) =>
    bench.store.recordOnce(team.id, { key, bodyHash, event: event(bench.clock.nowMs, { totalCost: 1, ...fields }) });
  const stored = async () => (await bench.store.findEvents(bench.team.id, { page: 0, size: 100 })).totalElements;

  test('I4: a key records once, gives its answer again, tells another body, and is free after a day', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ hardLimit: '1' }));
    const first = await once('k', 'h1', { transactionId: 'one' });
    if (first.state !== 'recorded') throw new Error(first.state);
    expect(first.result).toMatchObject({ transactionId: 'one', outcome: 'stored' });
    expect(first.answer.status).toBe(201);
    expect(JSON.parse(first.answer.body)).toMatchObject({ id: first.result.id, label: 'one' });
    const { revision } = await store.feed(team.id);
    expect(first.result.revision).toBe(revision);
    expect(await once('k', 'h1')).toEqual({ state: 'replayed', answer: first.answer, revision });
    expect(await once('k', 'h2')).toEqual({ state: 'mismatch' });
    expect(await stored()).toBe(1);
    const second = await store.createTeam('second');
    expect((await once('k', 'h2', {}, second)).state).toBe('recorded');
    await bench.reopen();
    expect(await once('k', 'h1')).toMatchObject({ state: 'replayed', answer: first.answer });
    clock.advance(24 * 3_600_000);
    expect((await once('k', 'h2')).state).toBe('recorded');
    clock.advance(24 * 3_600_000);
    await bench.store.turnWindows();
    expect((await once('k', 'h3')).state).toBe('recorded');
  });

  test('I4: of many that use a key at once, one records and the others get its answer', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => once('k', 'h')));
    expect(all.filter(({ state }) => state === 'recorded')).toHaveLength(1);
    expect(new Set(all.map((one) => (one.state === 'mismatch' ? '' : one.answer.body))).size).toBe(1);
    expect(await stored()).toBe(1);
  });

  test('an event that is there already, or disagrees with the one that is there, is answered and kept for its key', async () => {
    await once('k1', 'h1', { transactionId: 'one' });
    const two = await once('k2', 'h2', { transactionId: 'one', totalCost: 9 });
    expect(two).toMatchObject({ state: 'recorded', result: { outcome: 'conflict' } });
    expect(await once('k2', 'h2')).toMatchObject({ state: 'replayed' });
  });

  test('a key whose event could not be recorded is free', async () => {
    const { store } = bench;
    const keyed = { key: 'k', bodyHash: 'h', event: event(bench.clock.nowMs) };
    await expect(store.recordOnce('nobody', keyed)).rejects.toMatchObject({ code: 'UNKNOWN_TEAM' });
    const poisoned = { ...keyed.event, receivedAtMs: 'now' as unknown as number };
    await expect(store.recordOnce(bench.team.id, { ...keyed, event: poisoned })).rejects.toThrow();
    expect((await once('k', 'another')).state).toBe('recorded');
  });
}
