/** What holds mean, on every store. */
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CostControlInput } from '../../../service/store/store.js';
import { declared } from '../pricing-support.js';
import { DAY, kindsOf } from '../store-support.js';
import type { HoldBench } from './hold-bench.js';
import { call, cellOf, centsOf, declarePrice, hard, heldOf, need, settling, take } from './hold-support.js';

export function holdContract(bench: HoldBench): void {
  const make = async (fields: Partial<CostControlInput> = {}) => {
    await declarePrice(bench.store, bench.team.id);
    return bench.store.createControl(bench.team.id, hard(fields));
  };
  const operate = async (...operations: Parameters<typeof bench.store.operateHolds>[1]) =>
    bench.store.operateHolds(bench.team.id, operations);
  const spend = async (cents: number, holdId?: string, fields: Record<string, unknown> = {}) => {
    const item = { event: settling(bench.clock.nowMs, cents, holdId, fields) };
    const [outcome] = await bench.store.record(bench.team.id, [item]);
    return outcome;
  };
  const getHold = async (id: string) => (await bench.store.getHold(bench.team.id, id))!;

  describe('taking', () => {
    test('I7: spend and what is held stand beside each other, and both count against the limit', async () => {
      const made = await make();
      await spend(30);
      const one = take(40);
      const [first, second, third] = await operate(one, take(31), take(30, { owner: 'two' }));
      expect(heldOf(first)).toMatchObject({ state: 'open', sequence: 0, owner: 'one', isTight: false });
      expect(heldOf(first).parts).toMatchObject([
        {
          controlId: made.id,
          metric: 'TOTAL_COST',
          group: null,
          amount: '400000000',
          drawn: '0',
          whenExhausted: 'cut',
        },
      ]);
      expect(second).toMatchObject({
        outcome: 'refused',
        refusal: {
          code: 'BUDGET_EXCEEDED',
          controlId: made.id,
          limit: '1000000000',
          raised: '0',
          spend: '300000000',
          held: '400000000',
          asked: '310000000',
          remaining: '300000000',
          isHeldByOthers: true,
          retryAfterMs: 250,
          resetsAt: '2026-08-20T00:00:00.000Z',
        },
      });
      expect(heldOf(third).isTight).toBe(true);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30, held: 70, remaining: 0 });
    });

    test('a call that no hard control concerns is free, and nothing is kept of it', async () => {
      await make({ filters: [{ dimension: 'PRODUCT', operator: 'IS', value: 'other' }] });
      const one = take(5);
      expect(await operate(one)).toMatchObject([{ outcome: 'free' }]);
      expect(await bench.store.getHold(bench.team.id, one.id)).toBeUndefined();
    });

    test('the same id again answers what became of it, and holds nothing more; another owner is told nothing', async () => {
      const made = await make();
      const one = take(20);
      const [first, again] = await operate(one, one);
      expect(again).toEqual(first);
      const [later, foreign] = await operate(one, { ...one, owner: 'thief' });
      expect(heldOf(later).parts).toEqual(heldOf(first).parts);
      expect(foreign).toMatchObject({ outcome: 'gone' });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 20 });
    });

    test('all or nothing: the first control that has no room refuses, and none holds anything', async () => {
      const wide = await make({ name: 'wide', hardLimit: '10' });
      const narrow = await make({ name: 'narrow', hardLimit: '0.1' });
      const [refused] = await operate(take(20));
      expect(refused).toMatchObject({ outcome: 'refused', refusal: { name: 'narrow', isHeldByOthers: false } });
      expect((await bench.store.holdTotals(bench.team.id)).flatMap(({ metrics }) => metrics)).toEqual([]);
      const [held] = await operate(take(10));
      expect(heldOf(held).parts.map(({ controlId, amount }) => [controlId, centsOf(amount)])).toEqual([
        [wide.id, 10],
        [narrow.id, 10],
      ]);
    });

    test('a slice is at most an eighth of what is left, and never less than one call', async () => {
      const made = await make({ hardLimit: '8' });
      const [wanted, cut, least] = await operate(take(5, { calls: 10 }), take(5, { calls: 1_000 }), take(300));
      expect(centsOf(heldOf(wanted).parts[0]?.amount)).toBe(50);
      expect(heldOf(wanted).isTight).toBe(false);
      // An eighth of 750 is 93.75: what covers 19 calls.
      expect(centsOf(heldOf(cut).parts[0]?.amount)).toBe(93.75);
      expect(heldOf(cut).isTight).toBe(true);
      expect(centsOf(heldOf(least).parts[0]?.amount)).toBe(300);
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 443.75 });
    });

    test('I5: an unknown price is refused, assumed or flagged, as the control says', async () => {
      const unknown = { call: { ...call({ model: 'nobody-knows' }), model: 'nobody-knows' } };
      const refusing = await make({ name: 'refusing' });
      expect(await operate(take(1, unknown))).toMatchObject([{ refusal: { code: 'UNKNOWN_PRICE', name: 'refusing' } }]);
      const assumed = { onUnknownPrice: 'assume' as const, assumedPricePerRequest: '0.05' };
      await bench.store.updateControl(bench.team.id, refusing.id, assumed);
      const [held] = await operate(take(1, unknown));
      expect(heldOf(held).parts[0]).toMatchObject({ assumedPrice: { perRequestNano: '50000000' }, amount: '50000000' });
      await bench.store.updateControl(bench.team.id, refusing.id, {
        onUnknownPrice: 'flag',
        assumedPricePerRequest: null,
      });
      const [flagged] = await operate(take(1, unknown));
      expect(heldOf(flagged).parts[0]).toMatchObject({ amount: '0' });
    });

    test('who has spent the limit is refused whatever is asked, as the polled verdict has it', async () => {
      await make();
      await spend(100);
      expect(await operate(take(0))).toMatchObject([
        { refusal: { remaining: '0', isHeldByOthers: false, retryAfterMs: null } },
      ]);
    });

    test('counts hold what they count', async () => {
      await make({ metricType: 'TOKEN_COUNT', hardLimit: '100' });
      const [held, refused] = await operate(take(60), take(41));
      expect(heldOf(held).parts[0]).toMatchObject({ metric: 'TOKEN_COUNT', amount: '60' });
      expect(refused).toMatchObject({ refusal: { spend: '0', held: '60', asked: '41', limit: '100' } });
    });
  });

  describe('extending, giving back, renewing', () => {
    const opened = async (cents = 20) => {
      const made = await make();
      const one = take(cents);
      await operate(one);
      return { made, id: one.id };
    };
    const extend = (id: string, sequence: number, missing: Record<string, string>, cents = 0) =>
      ({ op: 'extend', id, sequence, call: call(), need: need(cents), missing, calls: 1 }) as const;

    test('an extension adds at least what is missing, all or nothing, and says what there is where it cannot', async () => {
      const { made, id } = await opened();
      const [more] = await operate(extend(id, 1, { [made.id]: '300000000' }));
      expect(heldOf(more)).toMatchObject({ sequence: 1, parts: [{ amount: '500000000' }] });
      const [refused] = await operate(extend(id, 2, { [made.id]: '510000000' }));
      expect(refused).toMatchObject({ outcome: 'refused', hold: { sequence: 2, parts: [{ amount: '500000000' }] } });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 50 });
    });

    test('what is duplicated, late or reordered changes nothing twice', async () => {
      const { made, id } = await opened();
      const third = { op: 'give-back', id, sequence: 3, keep: { [made.id]: '50000000' } } as const;
      const [kept] = await operate(third);
      const late = await operate(
        extend(id, 1, { [made.id]: '300000000' }),
        { op: 'give-back', id, sequence: 2, keep: {} },
        third,
        { op: 'renew', id, sequence: 3 },
      );
      for (const outcome of late) expect(heldOf(outcome)).toMatchObject({ sequence: 3, parts: heldOf(kept).parts });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 5 });
    });

    test('what is given back is there for others at once; a hold of nothing is closed', async () => {
      const { made, id } = await opened(80);
      await spend(30, id);
      const [kept] = await operate({ op: 'give-back', id, sequence: 1, keep: { [made.id]: '100000000' } });
      // 30 drawn and 10 kept.
      expect(heldOf(kept)).toMatchObject({ state: 'open', parts: [{ amount: '400000000', drawn: '300000000' }] });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30, held: 10, remaining: 60 });
      const [closed] = await operate({ op: 'give-back', id, sequence: 2, keep: {} });
      expect(heldOf(closed)).toMatchObject({ state: 'closed', drawForMs: 0 });
      const [gone, state, nobody] = await operate(
        extend(id, 3, { [made.id]: '1' }),
        { op: 'renew', id, sequence: 4 },
        { op: 'renew', id: randomUUID(), sequence: 1 },
      );
      expect(gone).toMatchObject({ outcome: 'gone' });
      expect(heldOf(state).state).toBe('closed');
      expect(nobody).toMatchObject({ outcome: 'gone' });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30, held: 0 });
    });

    test('drawing ends before the expiry, and with the window', async () => {
      const { id } = await opened();
      bench.clock.advance(50_000);
      const [renewed] = await operate({ op: 'renew', id, sequence: 1 });
      expect(heldOf(renewed).drawForMs).toBe(60_000);
      bench.clock.advance(DAY / 2 - 50_000 - 10_000);
      const [near] = await operate(take(1));
      expect(heldOf(near).drawForMs).toBe(10_000);
    });

    test('I7: nothing is drawn at a price that is over: who draws then knows what calls cost from then on', async () => {
      const made = await bench.store.createControl(bench.team.id, hard());
      await declarePrice(bench.store, bench.team.id);
      const dearFromMs = bench.clock.nowMs + 30_000;
      const dear = declared({ model: 'held-model', validFromMs: dearFromMs }, { input: 0n, output: 50_000_000_000n });
      await bench.store.setPrice(bench.team.id, dear);
      const cheap = take(10);
      expect(heldOf((await operate(cheap))[0])).toMatchObject({ drawForMs: 30_000, parts: [{ amount: '100000000' }] });
      bench.clock.advance(20_000);
      const renew = async (sequence: number) => heldOf((await operate({ op: 'renew', id: cheap.id, sequence }))[0]);
      expect((await renew(1)).drawForMs).toBe(10_000);
      bench.clock.advance(10_000);
      // Put off, it stays what it was: calls that begin now are five times as dear.
      expect((await renew(2)).drawForMs).toBe(0);
      const [next] = await operate(take(10));
      expect(heldOf(next)).toMatchObject({ drawForMs: 60_000, parts: [{ amount: '500000000' }] });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 60 });
    });

    test('others are told to give back while somebody runs short because of them', async () => {
      const { made, id } = await opened(95);
      await operate(take(50, { owner: 'two' }));
      const [told] = await operate({ op: 'renew', id, sequence: 1 });
      expect(heldOf(told).isRecalled).toBe(true);
      const [given] = await operate({ op: 'give-back', id, sequence: 2, keep: { [made.id]: '10000000' } });
      expect(heldOf(given).isRecalled).toBe(false);
    });
  });

  describe('settling', () => {
    test('I7: an event draws its hold and moves spend at once; what is left stays held', async () => {
      const made = await make();
      const one = take(50);
      await operate(one);
      await spend(20, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 20, held: 30 });
      await spend(25, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 45, held: 5 });
      expect((await getHold(one.id)).parts).toMatchObject([{ drawn: 450_000_000n, left: 50_000_000n, overrun: 0n }]);
    });

    test('I4: an event that comes twice draws once', async () => {
      const made = await make();
      const one = take(50);
      await operate(one);
      const item = { event: settling(bench.clock.nowMs, 20, one.id) };
      await bench.store.record(bench.team.id, [item, item]);
      await bench.store.record(bench.team.id, [item]);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 20, held: 30 });
    });

    test('above the hold it is accepted; what is above the limit is an overrun that names event and hold', async () => {
      const made = await make();
      const one = take(50);
      await operate(one, take(40, { owner: 'two' }));
      await spend(55, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 55, held: 40, remaining: 5 });
      expect(await kindsOf(bench.store, bench.team.id)).toEqual([]);
      await spend(70, one.id, { transactionId: 'the-one' });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 125, held: 40, remaining: 0 });
      expect(await kindsOf(bench.store, bench.team.id)).toEqual(expect.arrayContaining(['overrun', 'trip']));
      const { items } = await bench.store.listEnforcementEvents(bench.team.id, { page: 0, size: 10 });
      const overrun = items.find(({ kind }) => kind === 'overrun');
      expect(overrun).toMatchObject({ transactionId: 'the-one', outcome: 'OVERRUN' });
      expect(overrun?.details).toBe(`$0.25 above the limit by event the-one of hold ${one.id}`);
      expect((await getHold(one.id)).parts).toMatchObject([{ overrun: 250_000_000n, left: 0n }]);
      const [totals] = await bench.store.holdTotals(bench.team.id);
      expect(totals?.metrics).toMatchObject([{ metric: 'TOTAL_COST', held: 400_000_000n, overrun: 250_000_000n }]);
    });

    test('after it was given back it counts as ever', async () => {
      const made = await make();
      const one = take(50);
      await operate(one, { op: 'give-back', id: one.id, sequence: 1, keep: {} }, take(90, { owner: 'two' }));
      await spend(30, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30, held: 90 });
      expect((await getHold(one.id)).parts).toMatchObject([{ drawn: 300_000_000n, left: 0n }]);
    });

    test('after the window turned it counts in the window of its hold', async () => {
      const made = await make();
      const one = take(50);
      await operate(one);
      for (let i = 1; i <= 361; i += 1) {
        bench.clock.advance(120_000 - 1);
        await operate({ op: 'renew', id: one.id, sequence: i });
      }
      await spend(20, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
      expect((await getHold(one.id)).parts).toMatchObject([{ drawn: 200_000_000n, left: 300_000_000n }]);
      await operate({ op: 'give-back', id: one.id, sequence: 1_000, keep: {} });
      // The check that follows each test proves that it is counted where its hold was taken.
      await bench.store.updateControl(bench.team.id, made.id, { name: 'still the same' });
      expect((await bench.store.verifyBalances()).wrong).toEqual([]);
    });
  });
}
