/** Odd things that happen to holds while they are open, and after: what counts, where, and that nothing is lost. On every store. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CostControlInput } from '../../../service/store/store.js';
import { until } from '../../helpers/until.js';
import { declared } from '../pricing-support.js';
import { HOUR, kindsOf } from '../store-support.js';
import type { HoldBench } from './hold-bench.js';
import { call, cellOf, declarePrice, hard, heldOf, need, settling, TOKEN_NANO, take } from './hold-support.js';

const MINUTE = 60_000;
const NONE = { keep: {} };

export function holdOddContract(bench: HoldBench): void {
  const make = async (fields: Partial<CostControlInput> = {}) => {
    await declarePrice(bench.store, bench.team.id);
    return bench.store.createControl(bench.team.id, hard(fields));
  };
  const operate = async (...operations: Parameters<typeof bench.store.operateHolds>[1]) =>
    bench.store.operateHolds(bench.team.id, operations);
  const spend = (cents: number, holdId?: string, fields: Record<string, unknown> = {}, atMs = bench.clock.nowMs) =>
    bench.store.recordEvents(bench.team.id, [
      { ...settling(atMs, cents, holdId, fields), receivedAtMs: bench.clock.nowMs },
    ]);
  const partsOf = async (id: string) => (await bench.store.getHold(bench.team.id, id))!.parts;
  const extend = (id: string, sequence: number, missing: Record<string, string>, cents = 1) =>
    ({ op: 'extend', id, sequence, call: call(), need: need(cents), missing, calls: 1 }) as const;
  const overruns = async () => (await kindsOf(bench.store, bench.team.id)).filter((kind) => kind === 'overrun').length;

  describe('events that name a hold', () => {
    test('of another team, or none at all, count as ever and draw nothing', async () => {
      const made = await make();
      const one = take(40);
      await operate(one);
      const other = await bench.store.createTeam('second');
      await declarePrice(bench.store, other.id);
      await bench.store.createControl(other.id, hard());
      await bench.store.recordEvents(other.id, [settling(bench.clock.nowMs, 30, one.id)]);
      for (const id of [randomUUID(), '', 'no id', "'; --", 'x'.repeat(60), '🜲']) await spend(5, id);
      expect(await partsOf(one.id)).toMatchObject([{ drawn: 0n, left: 40n * TOKEN_NANO }]);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30, held: 40 });
      // In capitals it is the same one.
      await spend(10, one.id.toUpperCase());
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 40, held: 30 });
    });

    test('from a machine whose clock is hours off, either way, count where the hold is', async () => {
      const made = await make();
      const rolling = await make({ windowType: 'ROLLING', windowDuration: 'PT2H' });
      const one = take(60);
      await operate(one);
      for (const hours of [-3, 3, -30, 30, -13]) await spend(10, one.id, {}, bench.clock.nowMs + hours * HOUR);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 50, held: 10 });
      expect(await partsOf(one.id)).toMatchObject([{ drawn: 50n * TOKEN_NANO }, { drawn: 50n * TOKEN_NANO }]);
      await bench.store.updateControl(bench.team.id, made.id, { enabled: false });
      expect(await cellOf(bench.store, rolling)).toMatchObject({ spend: 50, held: 10 });
      // What was spent now does not leave the window before its time.
      bench.clock.advance(110 * MINUTE);
      expect(await cellOf(bench.store, rolling)).toMatchObject({ spend: 60 });
    });

    test('come a day late, for a charge of a window that is over: the charge goes there, and nothing counts today', async () => {
      const made = await make();
      bench.clock.advance(11.9 * HOUR);
      const atMs = bench.clock.nowMs;
      const one = take(50);
      await operate(one);
      bench.clock.advance(3 * MINUTE);
      await bench.store.turnWindows();
      expect(await partsOf(one.id)).toMatchObject([{ state: 'charged', charged: 50n * TOKEN_NANO }]);
      bench.clock.advance(20 * HOUR);
      await bench.store.turnWindows();
      await spend(20, one.id, {}, atMs + 1_000);
      expect(await partsOf(one.id)).toMatchObject([{ charged: 30n * TOKEN_NANO, drawn: 20n * TOKEN_NANO }]);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
    });

    test('for a charge that a control has forgotten, because it was off meanwhile, leave nothing below zero', async () => {
      const made = await make();
      bench.clock.advance(11.9 * HOUR);
      const atMs = bench.clock.nowMs;
      const one = take(50);
      await operate(one);
      bench.clock.advance(3 * MINUTE);
      await bench.store.turnWindows();
      bench.clock.advance(HOUR);
      await bench.store.turnWindows();
      await bench.store.updateControl(bench.team.id, made.id, { enabled: false });
      await bench.store.updateControl(bench.team.id, made.id, { enabled: true });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
      await spend(20, one.id, {}, atMs + 1_000);
      expect((await bench.store.verifyBalances()).wrong).toEqual([]);
      await operate({ op: 'give-back', id: one.id, sequence: 1, ...NONE });
      expect((await bench.store.verifyBalances()).wrong).toEqual([]);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
    });
  });

  describe('operations that come to holds which have ended', () => {
    test.each(['given back', 'expired', 'released'] as const)('%s: nothing is set aside again', async (how) => {
      const made = await make({ onExpiry: 'release' });
      const one = take(50);
      await operate(one);
      if (how === 'given back') await operate({ op: 'give-back', id: one.id, sequence: 1, ...NONE });
      if (how === 'released') await bench.store.releaseHold(bench.team.id, one.id, { id: 'k', label: 'k' });
      if (how === 'expired') bench.clock.advance(121_000);
      const missing = { [made.id]: String(10n * TOKEN_NANO) };
      const outcomes = await operate(
        extend(one.id, 7, missing),
        { op: 'renew', id: one.id, sequence: 8 },
        extend(one.id, 9, missing),
        { ...take(50), id: one.id },
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['gone', 'held', 'gone', 'held']);
      expect(heldOf(outcomes[3]).state).not.toBe('open');
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 0, spend: 0, remaining: 100 });
    });

    test('in one batch, doubled and out of order, each does what it says once', async () => {
      const made = await make();
      const one = take(20);
      const missing = { [made.id]: String(10n * TOKEN_NANO) };
      const outcomes = await operate(
        { op: 'renew', id: one.id, sequence: 1 },
        one,
        one,
        { ...one, owner: 'two' },
        extend(one.id, 5, missing),
        extend(one.id, 5, missing),
        extend(one.id, 4, missing),
        { op: 'give-back', id: one.id, sequence: 3, ...NONE },
        { op: 'renew', id: one.id, sequence: Number.MAX_SAFE_INTEGER },
        extend(one.id, 6, missing),
      );
      const kinds = outcomes.map(({ outcome }) => outcome);
      expect(kinds).toEqual(['gone', 'held', 'held', 'gone', ...Array.from({ length: 6 }, () => 'held')]);
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 30 });
    });
  });

  describe('amounts', () => {
    test('of nothing are held for, and end; those beyond all reason are refused with their figure', async () => {
      const made = await make();
      const nothing = take(0);
      expect(heldOf((await operate(nothing))[0]).parts).toMatchObject([{ amount: '0', drawn: '0' }]);
      const huge = take(Number.MAX_SAFE_INTEGER, { calls: 1_000_000 });
      const [refused] = await operate(huge);
      const asked = BigInt(Number.MAX_SAFE_INTEGER) * TOKEN_NANO;
      expect(refused).toMatchObject({ outcome: 'refused', refusal: { asked: String(asked), isHeldByOthers: false } });
      const one = take(10);
      await operate(one);
      for (const missing of [String(10n ** 18n), String(asked), '9'.repeat(40)]) {
        const [more] = await operate(extend(one.id, missing.length, { [made.id]: missing }));
        expect(more).toMatchObject({ outcome: 'refused', refusal: { asked: missing } });
      }
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 10, remaining: 90 });
      bench.clock.advance(121_000);
      await bench.store.turnWindows();
      expect(await partsOf(nothing.id)).toMatchObject([{ state: 'closed', charged: 0n }]);
    });

    test('to keep that nobody could hold keep what there is', async () => {
      const made = await make();
      const one = take(10);
      await operate(one);
      const keep = { [made.id]: '9'.repeat(40), 'no control': '5' };
      await operate({ op: 'give-back', id: one.id, sequence: 1, keep });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 10 });
    });
  });

  describe('what people change meanwhile', () => {
    test('a limit below what is spent: calls under way settle, get no more, and are recorded', async () => {
      const made = await make();
      const one = take(60);
      await operate(one);
      await spend(10, one.id);
      await bench.store.updateControl(bench.team.id, made.id, { hardLimit: '0.05' });
      const missing = { [made.id]: String(TOKEN_NANO) };
      const [nothing, more, first] = await operate(extend(one.id, 1, {}, 0), extend(one.id, 2, missing), take(1));
      expect(nothing).toMatchObject({ outcome: 'held' });
      expect(more).toMatchObject({ outcome: 'refused', refusal: { limit: '50000000', remaining: '0' } });
      expect(first).toMatchObject({ outcome: 'refused' });
      await spend(50, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 60, held: 0 });
      expect(await partsOf(one.id)).toMatchObject([{ overrun: 50n * TOKEN_NANO }]);
      expect(await overruns()).toBe(1);
    });

    test('a raise that ends under a call: it settles, gets no more, and what is above is recorded', async () => {
      const made = await make();
      const untilMs = bench.clock.nowMs + 30_000;
      await bench.store.raiseControl(bench.team.id, made.id, { amount: '1', untilMs, reason: 'launch' });
      const one = take(150);
      await operate(one);
      await spend(90, one.id);
      expect(await overruns()).toBe(0);
      bench.clock.advance(31_000);
      const missing = { [made.id]: String(TOKEN_NANO) };
      expect(await operate(extend(one.id, 1, missing))).toMatchObject([
        { outcome: 'refused', refusal: { raised: '0', limit: '1000000000' } },
      ]);
      await spend(60, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 150, held: 0 });
      expect(await partsOf(one.id)).toMatchObject([{ overrun: 50n * TOKEN_NANO }]);
    });

    test('a price: the event counts by its own, and a settled event that is priced again moves spend alone', async () => {
      const made = await make();
      const one = take(40);
      await operate(one);
      await bench.store.setPrice(
        bench.team.id,
        declared({ model: 'held-model' }, { input: 0n, output: TOKEN_NANO * 2_000n }),
      );
      const tokens = { totalCost: undefined, outputTokenCount: 10, totalTokenCount: 10 };
      await spend(0, one.id, tokens);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 20, held: 20 });
      await bench.store.setPrice(
        bench.team.id,
        declared({ model: 'held-model' }, { input: 0n, output: TOKEN_NANO * 500n }),
      );
      await bench.store.startReprice(bench.team.id, { reason: 'cheaper', scope: 'all' });
      await until(async () => (await cellOf(bench.store, made)).spend === 5, 'the event priced again');
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 5, held: 20 });
      await operate({ op: 'give-back', id: one.id, sequence: 1, ...NONE });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 5, held: 0 });
    });

    test('who somebody is, while the control is off: a charge of an address is that of its id afterwards', async () => {
      const made = await make({ groupBy: 'SUBSCRIBER' });
      const one = take(40, { call: call({ subscriberEmail: 'cy@example.org' }) });
      await operate(one);
      bench.clock.advance(121_000);
      await bench.store.turnWindows();
      await bench.store.updateControl(bench.team.id, made.id, { enabled: false });
      await spend(3, undefined, { subscriber: { id: 'u5', email: 'cy@example.org' } });
      await bench.store.updateControl(bench.team.id, made.id, { enabled: true });
      const [refused] = await operate(take(60, { call: call({ subscriberId: 'u5' }) }));
      expect(refused).toMatchObject({ outcome: 'refused', refusal: { group: 'u5', spend: String(43n * TOKEN_NANO) } });
      await spend(10, one.id, { subscriber: { email: 'cy@example.org' } });
      expect(await partsOf(one.id)).toMatchObject([{ group: 'u5', charged: 30n * TOKEN_NANO }]);
    });

    test('the name of a control, and what becomes of holds that expire', async () => {
      const made = await make();
      const one = take(40);
      await operate(one);
      await bench.store.updateControl(bench.team.id, made.id, { name: 'another', onExpiry: 'release' });
      expect(heldOf((await operate({ op: 'renew', id: one.id, sequence: 1 }))[0]).parts).toMatchObject([
        { name: 'another', amount: String(40n * TOKEN_NANO) },
      ]);
      bench.clock.advance(121_000);
      await bench.store.turnWindows();
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
    });
  });

  describe('windows', () => {
    test('several at a time: one that refuses refuses for all, a take and an extension alike', async () => {
      const day = await make({ name: 'day', hardLimit: '1' });
      const month = await make({ name: 'month', windowType: 'MONTHLY', hardLimit: '0.5' });
      const rolling = await make({ name: 'hour', windowType: 'ROLLING', windowDuration: 'PT1H', hardLimit: '2' });
      expect(await operate(take(51))).toMatchObject([{ outcome: 'refused', refusal: { controlId: month.id } }]);
      const one = take(45);
      const [held] = await operate(one);
      expect(heldOf(held).parts.map(({ amount }) => amount)).toEqual(Array(3).fill(String(45n * TOKEN_NANO)));
      const missing = Object.fromEntries([day, month, rolling].map(({ id }) => [id, String(10n * TOKEN_NANO)]));
      expect(await operate(extend(one.id, 1, missing))).toMatchObject([
        { outcome: 'refused', refusal: { controlId: month.id, held: String(45n * TOKEN_NANO) } },
      ]);
      for (const part of await partsOf(one.id)) expect(part.left).toBe(45n * TOKEN_NANO);
      // Past the turn of the day: that part settles into yesterday, the others where they are.
      bench.clock.advance(11.99 * HOUR);
      const late = { ...take(4), ttlSeconds: 3_600 };
      await operate({ op: 'give-back', id: one.id, sequence: 2, ...NONE }, late);
      bench.clock.advance(2 * MINUTE);
      await bench.store.turnWindows();
      await spend(4, late.id);
      const explained = await bench.store.explain(bench.team.id, { model: 'held-model', provider: 'OPENAI' });
      expect(explained.controls.map(({ name, spend: spent }) => [name, spent])).toEqual([
        ['day', '0'],
        ['month', '0.04'],
        ['hour', '0.04'],
      ]);
    });

    test.each([
      ['the night that has an hour more', Date.UTC(2026, 9, 25, 22, 59, 30), '2026-10-24T22:00:00.000Z'],
      ['the night that has an hour less', Date.UTC(2026, 2, 29, 21, 59, 30), '2026-03-28T23:00:00.000Z'],
    ])('%s: a hold ends its drawing with its day, and settles into it', async (_name, beforeMs, startedAt) => {
      bench.clock.nowMs = beforeMs;
      const made = await make({ timeZone: 'Europe/Berlin' });
      const one = take(70, { ttlSeconds: 3_600 });
      const [held] = await operate(one);
      expect(heldOf(held).drawForMs).toBe(30_000);
      const part = heldOf(held).parts[0]!;
      expect(new Date(part.windowStartMs).toISOString()).toBe(startedAt);
      bench.clock.advance(31_000);
      await bench.store.turnWindows();
      const next = take(90);
      expect(heldOf((await operate(next))[0]).parts[0]!.windowStartMs).toBe(beforeMs + 30_000);
      await spend(60, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 90 });
      expect(await partsOf(one.id)).toMatchObject([{ drawn: 60n * TOKEN_NANO }]);
    });
  });
}
