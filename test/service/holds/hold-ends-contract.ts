/** How holds end: by the clock, by an operator, with their control. On every store. */
import { describe, expect, test } from 'vitest';
import type { CostControlInput } from '../../../service/store/store.js';
import { DAY, event, HOUR, kindsOf, rulesOf } from '../store-support.js';
import type { HoldBench } from './hold-bench.js';
import { call, cellOf, declarePrice, hard, heldOf, settling, take } from './hold-support.js';

export function holdEndsContract(bench: HoldBench): void {
  const make = async (fields: Partial<CostControlInput> = {}) => {
    await declarePrice(bench.store, bench.team.id);
    return bench.store.createControl(bench.team.id, hard(fields));
  };
  const operate = async (...operations: Parameters<typeof bench.store.operateHolds>[1]) =>
    bench.store.operateHolds(bench.team.id, operations);
  const spend = (cents: number, holdId?: string, fields: Record<string, unknown> = {}) =>
    bench.store.recordEvents(bench.team.id, [settling(bench.clock.nowMs, cents, holdId, fields)]);
  const partsOf = async (id: string) => (await bench.store.getHold(bench.team.id, id))!.parts;

  describe('expiry', () => {
    test('I7: what is left is charged as spent; the real event takes its place when it comes', async () => {
      const made = await make();
      const one = take(50);
      await operate(one);
      await spend(10, one.id);
      expect(await bench.store.turnWindows()).toBe(bench.clock.nowMs + 120_000);
      bench.clock.advance(120_000);
      await bench.store.turnWindows();
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 50, held: 0 });
      expect(await partsOf(one.id)).toMatchObject([{ state: 'charged', charged: 400_000_000n, left: 0n }]);
      expect(await kindsOf(bench.store, bench.team.id)).toEqual(['hold-charged']);
      await spend(15, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 50, held: 0 });
      expect(await partsOf(one.id)).toMatchObject([{ charged: 250_000_000n, drawn: 250_000_000n }]);
      await spend(30, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 55, held: 0 });
      expect(await partsOf(one.id)).toMatchObject([{ charged: 0n, drawn: 550_000_000n }]);
      expect(await kindsOf(bench.store, bench.team.id)).toEqual(['hold-charged']);
    });

    test('with release it is there for others; the late event counts as ever', async () => {
      const made = await make({ onExpiry: 'release' });
      const one = take(50);
      await operate(one);
      bench.clock.advance(120_000);
      // Nobody swept: who takes looks first.
      const [next] = await operate(take(90, { owner: 'two' }));
      expect(heldOf(next).state).toBe('open');
      expect(await kindsOf(bench.store, bench.team.id)).toEqual(['hold-released']);
      await spend(40, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 40, held: 90 });
      await spend(80, one.id);
      expect([...(await kindsOf(bench.store, bench.team.id))].sort()).toEqual(['hold-released', 'overrun', 'trip']);
      expect(await partsOf(one.id)).toMatchObject([{ state: 'released', overrun: 200_000_000n }]);
      const [state] = await operate({ op: 'renew', id: one.id, sequence: 1 });
      expect(heldOf(state)).toMatchObject({ state: 'expired', drawForMs: 0 });
    });

    test('a charge trips the limit, and an operator who takes it back resets it; both are told, one is audited', async () => {
      const made = await make();
      const one = take(100);
      await operate(one);
      bench.clock.advance(120_000);
      await bench.store.turnWindows();
      expect(await kindsOf(bench.store, bench.team.id)).toEqual(expect.arrayContaining(['hold-charged', 'trip']));
      const actor = { id: 'key-1', label: 'ops' };
      const released = await bench.store.releaseHold(bench.team.id, one.id, actor);
      expect(released).toMatchObject({ outcome: 'taken-back', hold: { parts: [{ state: 'released', charged: 0n }] } });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
      const kinds = await kindsOf(bench.store, bench.team.id);
      expect(kinds).toEqual(expect.arrayContaining(['reset', 'hold-released']));
      expect(await bench.store.releaseHold(bench.team.id, one.id, actor)).toMatchObject({ outcome: 'nothing' });
      const { items } = await bench.store.listAudit(bench.team.id, { page: 0, size: 5, subject: 'hold' });
      expect(items).toMatchObject([{ actor: { id: 'key-1' }, action: 'released', subjectId: one.id }]);
      // The event comes after all: it counts as ever.
      await spend(30, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 30 });
    });

    test('I7: an owner that lives gives back what it was charged and did not spend, once, however late', async () => {
      const made = await make({ groupBy: 'PRODUCT' });
      const one = take(90, { call: call({ product: 'p' }) });
      await operate(one);
      bench.clock.advance(120_000);
      await bench.store.turnWindows();
      const [controlId] = (await partsOf(one.id)).map((part) => part.controlId);
      const back = (sequence: number, cents: string) =>
        operate({ op: 'give-back', id: one.id, sequence, keep: { [controlId!]: `${cents}0000000` } });
      expect(heldOf((await back(1, '30'))[0])).toMatchObject({ state: 'expired', sequence: 1, drawForMs: 0 });
      const standing = async () => {
        const [refused] = await operate(take(1_000_000, { owner: 'spy', call: call({ product: 'p' }) }));
        return refused?.outcome === 'refused' ? [refused.refusal.spend, refused.refusal.held] : refused;
      };
      expect(await standing()).toEqual(['300000000', '0']);
      // What is said again, or was said before, changes nothing; nor does it bring back what is gone.
      await back(1, '10');
      await back(2, '50');
      expect(await standing()).toEqual(['300000000', '0']);
      await spend(20, one.id, { productName: 'p' });
      expect(await standing()).toEqual(['300000000', '0']);
      await back(3, '0');
      expect(await standing()).toEqual(['200000000', '0']);
      expect(await partsOf(one.id)).toMatchObject([{ state: 'released', charged: 0n, left: 0n }]);
      await spend(20, one.id, { productName: 'p' });
      expect(await standing()).toEqual(['400000000', '0']);
      expect((await bench.store.verifyBalances()).wrong).toEqual([]);
      expect(made.groupBy).toBe('PRODUCT');
    });

    test('an operator gives an open hold back; of another team there is nothing to see', async () => {
      const made = await make();
      const one = take(60);
      await operate(one);
      const other = await bench.store.createTeam('other');
      expect(await bench.store.releaseHold(other.id, one.id, { id: 'x' })).toBeUndefined();
      expect(await bench.store.getHold(other.id, one.id)).toBeUndefined();
      expect(await bench.store.operateHolds(other.id, [{ op: 'renew', id: one.id, sequence: 1 }])).toMatchObject([
        { outcome: 'gone' },
      ]);
      expect(await bench.store.releaseHold(bench.team.id, one.id, { id: 'x' })).toMatchObject({
        outcome: 'given-back',
      });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 0 });
      const page = await bench.store.listHolds(bench.team.id, { page: 0, size: 10, state: 'closed', owner: 'one' });
      expect(page).toMatchObject({ totalElements: 1, items: [{ id: one.id }] });
      expect(await bench.store.listHolds(other.id, { page: 0, size: 10 })).toMatchObject({ totalElements: 0 });
    });

    test('I10: what ended is forgotten after two days, a charge is kept', async () => {
      await make({ windowType: 'MONTHLY' });
      const [given, charged] = [take(10), take(10)];
      await operate(given, charged, { op: 'give-back', id: given.id, sequence: 1, keep: {} });
      bench.clock.advance(120_000);
      await bench.store.turnWindows();
      bench.clock.advance(2 * DAY + HOUR);
      await bench.store.turnWindows();
      const { items } = await bench.store.listHolds(bench.team.id, { page: 0, size: 10 });
      expect(items.map(({ id }) => id)).toEqual([charged.id]);
    });
  });

  describe('controls', () => {
    test('rolling: what is held counts whichever bucket is current, and what is spent leaves by its own time', async () => {
      const made = await make({ windowType: 'ROLLING', windowDuration: 'PT1H' });
      const one = take(50, { ttlSeconds: 3_600 });
      await operate(one);
      bench.clock.advance(50 * 60_000);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 50 });
      await spend(20, one.id);
      bench.clock.advance(9 * 60_000);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 20, held: 30 });
      bench.clock.advance(60_000);
      await bench.store.turnWindows();
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 50, held: 0 });
      const [refused] = await operate(take(60, { owner: 'two' }));
      // The twenty cents leave first.
      expect(refused).toMatchObject({ refusal: { resetsAt: new Date(bench.clock.nowMs + 51 * 60_000).toISOString() } });
      bench.clock.advance(2 * HOUR);
      await bench.store.turnWindows();
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 0, held: 0 });
    });

    test('one person has one budget, by id or by address, also where holds learn who they are', async () => {
      const made = await make({ groupBy: 'SUBSCRIBER' });
      const by = (dimensions: Parameters<typeof call>[0]) => ({ call: call(dimensions) });
      const address = take(30, by({ subscriberEmail: 'Ann@example.org' }));
      const both = take(30, by({ subscriberId: 'u1', subscriberEmail: 'ann@example.org' }));
      const [first, second, third, other] = await operate(
        address,
        both,
        take(50, by({ subscriberEmail: 'ann@example.org' })),
        take(50, by({ subscriberId: 'u2' })),
      );
      expect(heldOf(first).parts[0]?.group).toBe('u1');
      expect(heldOf(second).parts[0]?.group).toBe('u1');
      expect(third).toMatchObject({ refusal: { group: 'u1', held: '600000000' } });
      expect(heldOf(other).parts[0]?.group).toBe('u2');
      await spend(25, address.id, { subscriber: { email: 'ann@example.org' } });
      expect(await partsOf(address.id)).toMatchObject([{ group: 'u1', drawn: 250_000_000n }]);
      const [again] = await operate(take(41, by({ subscriberId: 'u1' })));
      expect(again).toMatchObject({ refusal: { controlId: made.id, spend: '250000000', held: '350000000' } });
    });

    test('who is learned by an event alone has what was held under the address', async () => {
      await make({ groupBy: 'SUBSCRIBER' });
      const address = take(30, { call: call({ subscriberEmail: 'bo@example.org' }) });
      await operate(address);
      await spend(10, address.id, { subscriber: { id: 'u9', email: 'bo@example.org' } });
      expect(await partsOf(address.id)).toMatchObject([{ group: 'u9', drawn: 100_000_000n, left: 200_000_000n }]);
      const [refused] = await operate(take(71, { call: call({ subscriberId: 'u9' }) }));
      expect(refused).toMatchObject({ refusal: { spend: '100000000', held: '200000000' } });
    });

    test('departments: a call counts where its person is when it is taken, wherever they are when it is settled', async () => {
      const { id } = bench.team;
      const made = await make({ groupBy: 'DEPARTMENT' });
      const red = await bench.store.createDepartment(id, { name: 'red', parentId: null });
      const blue = await bench.store.createDepartment(id, { name: 'blue', parentId: null });
      await bench.store.setMembers(id, red.id, ['eve@example.org']);
      const one = take(60, { call: call({ subscriberEmail: 'eve@example.org' }) });
      const [held] = await operate(one);
      const group = String(red.id);
      expect(heldOf(held).parts).toMatchObject([{ controlId: made.id, group }]);
      await bench.store.setMembers(id, red.id, []);
      await bench.store.setMembers(id, blue.id, ['eve@example.org']);
      await spend(20, one.id, { subscriber: { email: 'eve@example.org' } });
      expect(await partsOf(one.id)).toMatchObject([{ group, drawn: 200_000_000n, left: 400_000_000n }]);
    });

    test('I7: a control that is changed, disabled or deleted leaks nothing of what it held', async () => {
      const made = await make();
      const change = (patch: Partial<CostControlInput>) => bench.store.updateControl(bench.team.id, made.id, patch);
      for (const [off, on] of [
        [{ enabled: false }, { enabled: true }],
        [{ shadowMode: true }, { shadowMode: false }],
        [{ enforcement: 'POLLED' as const }, { enforcement: 'HARD' as const, onUnknownPrice: 'refuse' as const }],
        [
          { metricType: 'TOKEN_COUNT' as const, hardLimit: '100' },
          { metricType: 'TOTAL_COST' as const, hardLimit: '1' },
        ],
      ] as const) {
        const one = take(40);
        await operate(one);
        expect(await cellOf(bench.store, made)).toMatchObject({ held: 40 });
        await change(off);
        expect((await bench.store.verifyBalances()).wrong).toEqual([]);
        await change(on);
        expect(await cellOf(bench.store, made)).toMatchObject({ held: 0, spend: 0 });
        const [state] = await operate({ op: 'renew', id: one.id, sequence: 1 });
        expect(heldOf(state).parts).toEqual([]);
      }
      const one = take(40);
      await operate(one);
      await change({ hardLimit: '0.5', name: 'less' });
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 40, remaining: 10 });
      await bench.store.deleteControl(bench.team.id, made.id);
      await spend(10, one.id);
      bench.clock.advance(HOUR);
      await bench.store.turnWindows();
      expect(await partsOf(one.id)).toMatchObject([{ state: 'withdrawn', name: null }]);
      expect(await kindsOf(bench.store, bench.team.id)).toEqual([]);
    });

    test('a charge stays while its control is off, and counts again when it is on', async () => {
      const made = await make();
      const one = take(40);
      await operate(one);
      bench.clock.advance(120_000);
      await bench.store.turnWindows();
      await bench.store.updateControl(bench.team.id, made.id, { enabled: false });
      await bench.store.updateControl(bench.team.id, made.id, { enabled: true });
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 40, held: 0 });
      await spend(10, one.id);
      expect(await cellOf(bench.store, made)).toMatchObject({ spend: 40 });
    });

    test('raises give room at once, and take it away when they are over', async () => {
      const made = await make();
      await operate(take(90, { ttlSeconds: 3_600 }));
      const untilMs = bench.clock.nowMs + 60_000;
      await bench.store.raiseControl(bench.team.id, made.id, { amount: '0.5', untilMs, reason: 'launch' });
      const [held] = await operate(take(60, { owner: 'two', ttlSeconds: 3_600 }));
      expect(heldOf(held).state).toBe('open');
      bench.clock.advance(60_000);
      expect(await operate(take(1))).toMatchObject([{ refusal: { limit: '1000000000', raised: '0', remaining: '0' } }]);
    });

    test('the feed shows what is spent, never what is held', async () => {
      await make();
      await operate(take(90));
      await bench.store.recordEvents(bench.team.id, [event(bench.clock.nowMs, { totalCost: 0.25 })]);
      expect(await rulesOf(bench.store, bench.team.id)).toMatchObject([{ currentValue: 0.25, breached: false }]);
    });
  });
}
