/** What every store must do with prices: which one holds, price lists, and events that are priced again. */
import { expect, test } from 'vitest';
import { declared } from './pricing-support.js';
import { pricesOf, repriced } from './repricing-support.js';
import type { Bench } from './store-contract.js';
import { control, DAY, event, HOUR, kindsOf, NOON, rulesOf } from './store-support.js';

const USD = 1_000_000_000_000n;
/** A dollar a request. */
const dollar = (fields: Parameters<typeof declared>[0] = {}) => declared({ model: 'own', ...fields }, { request: USD });

export function priceContract(bench: Bench): void {
  validityContract(bench);
  repricingContract(bench);
  passContract(bench);
  importContract(bench);
}

/** An event of a model that nobody has a price for. */
const unpriced = (transactionId: string, atMs = NOON, fields: Record<string, unknown> = {}, receivedAtMs = NOON) =>
  event(atMs, { transactionId, model: 'own', provider: 'Acme', inputTokenCount: 10, ...fields }, receivedAtMs);

function validityContract(bench: Bench): void {
  test('a late event has the price of its own time, an early one too', async () => {
    const { store, team } = bench;
    await store.setPrice(team.id, dollar({ validFromMs: NOON - DAY, validUntilMs: NOON - HOUR }));
    await store.setPrice(team.id, declared({ model: 'own', validFromMs: NOON - HOUR }, { request: 2n * USD }));
    await store.setPrice(team.id, declared({ model: 'own', validFromMs: NOON + 60_000 }, { request: 3n * USD }));
    await store.recordEvents(team.id, [
      unpriced('late', NOON - 2 * HOUR),
      unpriced('now'),
      unpriced('ahead', NOON + 120_000),
      unpriced('before all', NOON - 24.5 * HOUR),
    ]);
    expect(await pricesOf(store, team.id)).toEqual({
      late: ['known', 1_000_000_000n],
      now: ['known', 2_000_000_000n],
      ahead: ['known', 3_000_000_000n],
      'before all': ['unknown', 0n],
    });
  });

  test('declared prices are listed with those to come; a withdrawn one is gone from now on', async () => {
    const { store, team, clock } = bench;
    const first = await store.setPrice(team.id, dollar(), { declaredBy: 'ann' });
    expect(first).toMatchObject({ declaredBy: 'ann', version: 2, createdAtMs: NOON });
    await store.setPrice(team.id, dollar({ validFromMs: NOON + DAY }));
    expect((await store.listPrices(team.id)).map(({ model }) => model)).toEqual(['*', 'own', 'own']);
    clock.advance(HOUR);
    expect(await store.withdrawPrice(team.id, first?.id ?? '', {})).toBe(true);
    expect(await store.withdrawPrice(team.id, first?.id ?? '', {})).toBe(false);
    expect(await store.withdrawPrice(team.id, 'nothing', {})).toBe(false);
    expect((await store.listPrices(team.id)).map(({ validFromMs }) => validFromMs)).toEqual([null, NOON + DAY]);
    await store.recordEvents(team.id, [unpriced('late', NOON), unpriced('now', NOON + HOUR, {}, NOON + HOUR)]);
    expect(await pricesOf(store, team.id)).toEqual({ late: ['known', 1_000_000_000n], now: ['unknown', 0n] });
    expect(await store.getPrice(team.id, first?.id ?? '')).toEqual(first);
  });

  test('a price entry names the version of the catalogue', async () => {
    const { store, team } = bench;
    await store.recordEvents(team.id, [event(NOON, { transactionId: 'a', inputTokenCount: 1_000 })]);
    const { installed, models, versions } = await store.readCatalogue(team.id);
    const [entry] = await store.listPriceEntries(team.id, 'a');
    expect(entry).toMatchObject({ version: 1, rateSource: `catalogue:openai/gpt-4o-mini@${installed}` });
    expect(models).toMatchObject([{ name: 'openai/gpt-4o-mini', state: 'same', version: installed, moves: [] }]);
    expect(versions).toMatchObject([{ version: installed }]);
  });
}

function repricingContract(bench: Bench): void {
  test('I5, I6: a declared price comes to the events that had none, as entries; a trip by them resets', async () => {
    const { store, team, clock } = bench;
    const limit = await store.createControl(team.id, control({ hardLimit: '5', onUnknownPrice: 'refuse' }));
    const grouped = control({ name: 'each', groupBy: 'SUBSCRIBER', hardLimit: '1.5', windowType: 'MONTHLY' });
    await store.createControl(team.id, grouped);
    const ann = { subscriber: { id: 'ann' } };
    await store.recordEvents(team.id, [unpriced('a', NOON, ann), unpriced('b', NOON, ann), unpriced('y', NOON - DAY)]);
    expect(await rulesOf(store, team.id)).toMatchObject([{ breached: true, currentValue: 0 }, { breached: false }]);
    const before = (await store.feed(team.id)).revision;
    await store.setPrice(team.id, dollar());
    await repriced(store, team.id);
    clock.advance(60_000);
    expect(await pricesOf(store, team.id)).toEqual({
      a: ['known', 1_000_000_000n],
      b: ['known', 1_000_000_000n],
      y: ['known', 1_000_000_000n],
    });
    expect((await store.feed(team.id)).revision).toBeGreaterThan(before);
    const [first, second] = await rulesOf(store, team.id);
    // Yesterday's event is of a window that is over: its balance moves, today's does not.
    expect(first).toMatchObject({ ruleId: limit.ruleId, breached: false, currentValue: 2 });
    expect(second).toMatchObject({ currentValue: 3, groupBreakdown: [{ groupValue: 'ann', breached: true }] });
    expect(await kindsOf(store, team.id)).toEqual(
      expect.arrayContaining(['trip', 'unknown-price', 'reset', 'trip ann']),
    );
    const entries = await store.listPriceEntries(team.id, 'a');
    expect(entries.map(({ version, priceState, reason }) => [version, priceState, reason])).toEqual([
      [1, 'unknown', 'recorded'],
      [2, 'known', 'repriced: a price was declared'],
    ]);
    const { items } = await store.listReprices(team.id, { page: 0, size: 10 });
    expect(items).toMatchObject([{ examined: 3, repriced: 3, unknown: 0, movedNanoUsd: 3_000_000_000n }]);
  });

  test('what a price does not cover stays unknown, and what is known stays as it is', async () => {
    const { store, team } = bench;
    await store.recordEvents(team.id, [
      unpriced('other', NOON, { model: 'another' }),
      unpriced('given', NOON, { totalCost: 7 }),
      unpriced('batch', NOON, { pricingTier: 'BATCH' }),
    ]);
    await store.setPrice(team.id, dollar());
    await repriced(store, team.id);
    expect(await pricesOf(store, team.id)).toEqual({
      other: ['unknown', 0n],
      given: ['known', 7_000_000_000n],
      batch: ['unknown', 0n],
    });
    await store.setPrice(team.id, dollar({ kind: 'free', rates: {} }));
    await repriced(store, team.id);
    expect((await pricesOf(store, team.id))['batch']).toEqual(['free', 0n]);
  });

  test('goes on after a restart where it was', async () => {
    const { team } = bench;
    const events = Array.from({ length: 40 }, (_, i) => unpriced(`e${i}`, NOON - i * 60_000));
    await bench.store.createControl(team.id, control({ hardLimit: '100' }));
    await bench.store.recordEvents(team.id, events);
    // The pass is asked for in the transaction of the price; the process may end right behind it.
    await bench.store.setPrice(team.id, dollar());
    await bench.reopen();
    await repriced(bench.store, team.id);
    expect(await rulesOf(bench.store, team.id)).toMatchObject([{ currentValue: 40 }]);
    const { items } = await bench.store.listReprices(team.id, { page: 0, size: 10 });
    expect(items).toMatchObject([{ repriced: 40, unknown: 0 }]);
  });
}

function passContract(bench: Bench): void {
  test('a pass over a range corrects what is known too, with its reason', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ hardLimit: '100' }));
    await store.setPrice(team.id, dollar());
    await store.recordEvents(team.id, [
      unpriced('in'),
      unpriced('out', NOON - HOUR),
      unpriced('own', NOON, { totalCost: 9 }),
    ]);
    await store.setPrice(team.id, declared({ model: 'own', validFromMs: NOON - DAY }, { request: 3n * USD }));
    await repriced(store, team.id);
    // `out` happened before the first price was declared, and reached back to it; the second one covers its time.
    const range = { fromMs: NOON - HOUR, untilMs: NOON };
    const run = await store.startReprice(team.id, { reason: 'wrong rate', scope: 'all', ...range, askedBy: 'ann' });
    expect(run).toMatchObject({ scope: 'all', askedBy: 'ann', finishedAtMs: null });
    await repriced(store, team.id);
    expect(await pricesOf(store, team.id)).toEqual({
      in: ['known', 1_000_000_000n],
      out: ['known', 3_000_000_000n],
      own: ['known', 9_000_000_000n],
    });
    expect((await store.listPriceEntries(team.id, 'out')).at(-1)?.reason).toBe('repriced: wrong rate');
    await store.startReprice(team.id, { reason: 'again', scope: 'all' });
    await repriced(store, team.id);
    expect((await store.listReprices(team.id, { page: 0, size: 1 })).items).toMatchObject([
      { examined: 3, repriced: 0 },
    ]);
  });

  test('I5: a known amount outlives its price', async () => {
    const { store, team, clock } = bench;
    const price = await store.setPrice(team.id, dollar());
    await store.recordEvents(team.id, [unpriced('a')]);
    clock.advance(HOUR);
    await store.withdrawPrice(team.id, price?.id ?? '', {});
    await store.startReprice(team.id, { reason: 'all', scope: 'all' });
    await repriced(store, team.id);
    expect(await pricesOf(store, team.id)).toEqual({ a: ['known', 1_000_000_000n] });
  });
}

function importContract(bench: Bench): void {
  test('a price list changes nothing before it is accepted, and then all of it but what is held back', async () => {
    const { store, team } = bench;
    await store.setPrice(team.id, dollar());
    await store.recordEvents(team.id, [unpriced('new', NOON, { model: 'new' })]);
    const prices = [declared({ model: 'own' }, { request: 20n * USD }), declared({ model: 'new' }, { request: USD })];
    const draft = await store.draftPriceImport(team.id, { name: 'list', prices, isWhole: false });
    expect(draft?.changes.map(({ key, change, heldBack }) => [key, change, heldBack])).toEqual([
      ['*/own', 'changed', true],
      ['*/new', 'added', false],
    ]);
    expect(await store.listPrices(team.id)).toHaveLength(2);
    const id = draft?.id ?? '';
    expect(await store.acceptPriceImport(team.id, id, { confirm: ['*/new'] })).toMatchObject({ outcome: 'not-held' });
    const accepted = await store.acceptPriceImport(team.id, id, { confirm: [] });
    expect(accepted).toMatchObject({ outcome: 'accepted', applied: ['*/new'], list: { state: 'partly' } });
    await repriced(store, team.id);
    expect(await pricesOf(store, team.id)).toEqual({ new: ['known', 1_000_000_000n] });
    await store.recordEvents(team.id, [unpriced('held')]);
    expect((await pricesOf(store, team.id))['held']).toEqual(['known', 1_000_000_000n]);
    const confirmed = await store.acceptPriceImport(team.id, id, { confirm: ['*/own'], acceptedBy: 'ann' });
    expect(confirmed).toMatchObject({ outcome: 'accepted', applied: ['*/own'], list: { state: 'accepted' } });
    await store.recordEvents(team.id, [unpriced('after')]);
    expect((await pricesOf(store, team.id))['after']).toEqual(['known', 20_000_000_000n]);
    expect(await store.acceptPriceImport(team.id, id, { confirm: [] })).toEqual({ outcome: 'done' });
  });

  test('a price of any provider or any model is compared with what the models cost that were used', async () => {
    const { store, team } = bench;
    await store.recordEvents(team.id, [event(NOON, { inputTokenCount: 1_000, outputTokenCount: 1 })]);
    // gpt-4o-mini costs 150,000 and 600,000 pico-dollars a token: a thousandth of it is a wrong unit.
    const wrong = { input: 150n, output: 600n };
    const right = { input: 140_000n, output: 600_000n };
    const prices = [
      declared({ model: 'GPT-4o-mini' }, wrong),
      declared({ provider: 'OpenAI' }, wrong),
      declared({ provider: 'Azure' }, wrong),
      declared({ provider: null, model: '*' }, right),
    ];
    const draft = await store.draftPriceImport(team.id, { name: 'list', prices, isWhole: false });
    expect(draft?.changes.map(({ key, heldBack }) => [key, heldBack])).toEqual([
      ['*/gpt-4o-mini', true],
      ['openai/*', true],
      ['azure/*', false],
      ['*/*', false],
    ]);
    expect(draft?.changes[3]?.oldSource).toMatch(/^catalogue:openai\/gpt-4o-mini@/);
  });

  test('a draft on older prices is refused, an old draft too, and somebody else’s is not there', async () => {
    const { store, team, clock } = bench;
    const list = { name: 'list', prices: [declared({ model: 'own' }, { request: USD })], isWhole: false };
    const stale = await store.draftPriceImport(team.id, list);
    await store.setPrice(team.id, dollar({ model: 'other' }));
    expect(await store.acceptPriceImport(team.id, stale?.id ?? '', { confirm: [] })).toEqual({ outcome: 'stale' });
    const old = await store.draftPriceImport(team.id, list);
    clock.advance(DAY);
    expect(await store.acceptPriceImport(team.id, old?.id ?? '', { confirm: [] })).toEqual({ outcome: 'expired' });
    const fresh = await store.draftPriceImport(team.id, list);
    const second = await store.createTeam('second');
    expect(await store.acceptPriceImport(second.id, fresh?.id ?? '', { confirm: [] })).toEqual({ outcome: 'unknown' });
    expect(await store.getPriceImport(second.id, fresh?.id ?? '')).toBeUndefined();
  });

  test('a whole list removes what it does not have, once that is confirmed', async () => {
    const { store, team, clock } = bench;
    await store.setPrice(team.id, dollar());
    const list = { name: 'all', prices: [declared({ model: 'new' }, { request: USD })], isWhole: true };
    const draft = await store.draftPriceImport(team.id, list);
    expect(draft?.changes.map(({ key, change }) => [key, change])).toEqual([
      ['*/new', 'added'],
      ['ollama/*', 'removed'],
      ['*/own', 'removed'],
    ]);
    clock.advance(1);
    await store.acceptPriceImport(team.id, draft?.id ?? '', { confirm: ['*/own', 'ollama/*'] });
    expect((await store.listPrices(team.id)).map(({ model }) => model)).toEqual(['new']);
  });
}
