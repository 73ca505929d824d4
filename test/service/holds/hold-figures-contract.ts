/** What operators are told of holds: what of the spend no event says, and who holds without using it. On every store. */
import type { HoldOperation } from 'fusewire/internal';
import { describe, expect, test } from 'vitest';
import type { CostControl, CostControlInput } from '../../../service/store/store.js';
import { HOUR } from '../store-support.js';
import type { HoldBench } from './hold-bench.js';
import { call, declarePrice, hard, settling, take } from './hold-support.js';

const MINUTE = 60_000;

export function holdFiguresContract(bench: HoldBench): void {
  const make = async (fields: Partial<CostControlInput> = {}) => {
    await declarePrice(bench.store, bench.team.id);
    return bench.store.createControl(bench.team.id, hard(fields));
  };
  const operate = (...operations: HoldOperation[]) => bench.store.operateHolds(bench.team.id, operations);
  const spend = (cents: number, holdId?: string, fields: Record<string, unknown> = {}) =>
    bench.store.recordEvents(bench.team.id, [settling(bench.clock.nowMs, cents, holdId, fields)]);
  const expire = async () => {
    bench.clock.advance(120_000);
    await bench.store.turnWindows();
  };
  const explained = async ({ id }: CostControl, dimensions = {}) => {
    const { controls } = await bench.store.explain(bench.team.id, { ...call().dimensions, ...dimensions });
    return controls.find(({ controlId }) => controlId === id)!;
  };

  describe('explained', () => {
    test('a charge is told apart from what events say, until they take its place or it is taken back', async () => {
      const made = await make();
      const [one, two] = [take(50), take(20, { owner: 'two' })];
      await operate(one, two);
      await spend(10, one.id);
      expect(await explained(made)).toMatchObject({ spend: '0.1', held: '0.6', charged: '0', overrun: '0' });
      await expire();
      expect(await explained(made)).toMatchObject({ spend: '0.7', held: '0', charged: '0.6', overrun: '0' });
      await spend(15, one.id);
      expect(await explained(made)).toMatchObject({ spend: '0.7', charged: '0.45' });
      await bench.store.releaseHold(bench.team.id, two.id, { id: 'key-1', label: 'ops' });
      expect(await explained(made)).toMatchObject({ spend: '0.5', charged: '0.25' });
      // Holds that are charged are not forgotten with those that ended.
      bench.clock.advance(10 * HOUR);
      expect(await explained(made)).toMatchObject({ spend: '0.5', charged: '0.25' });
      bench.clock.advance(24 * HOUR);
      await bench.store.turnWindows();
      expect(await explained(made)).toMatchObject({ spend: '0', charged: '0', overrun: '0' });
    });

    test('what was spent above the limit is told as overrun, of the own group', async () => {
      const made = await make({ groupBy: 'AGENT' });
      const one = take(50, { call: call({ agent: 'a' }) });
      await operate(one, take(30, { owner: 'two', call: call({ agent: 'b' }) }));
      await spend(130, one.id, { agent: 'a' });
      await expire();
      expect(await explained(made, { agent: 'a' })).toMatchObject({ spend: '1.3', charged: '0', overrun: '0.3' });
      expect(await explained(made, { agent: 'b' })).toMatchObject({ spend: '0.3', charged: '0.3', overrun: '0' });
    });

    test('of a rolling window both leave with their buckets', async () => {
      const made = await make({ windowType: 'ROLLING', windowDuration: 'PT60M' });
      const one = take(40);
      await operate(one);
      await spend(80);
      await expire();
      expect(await explained(made)).toMatchObject({ spend: '1.2', charged: '0.4', overrun: '0.2' });
      bench.clock.advance(62 * MINUTE);
      expect(await explained(made)).toMatchObject({ charged: '0', overrun: '0' });
    });

    test('says nothing of either where nothing is held', async () => {
      const made = await make({ enforcement: 'POLLED' });
      await spend(10);
      expect(await explained(made)).toMatchObject({ charged: null, overrun: null });
    });
  });

  describe('a budget that is held and not used', () => {
    /** Renews holds for as long as they would have expired in. */
    const keep = async (minutes: number, ...ids: readonly string[]) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        bench.clock.advance(MINUTE);
        const sequence = bench.clock.nowMs;
        await operate(...ids.map((id): HoldOperation => ({ op: 'renew', id, sequence })));
      }
    };
    const idle = async () => (await bench.store.holdFigures()).idle;

    test('is told with its owner, its share and since when, after ten minutes', async () => {
      const made = await make();
      const [one, two] = [take(60, { owner: 'host-a:1' }), take(32, { owner: 'host-a:1' })];
      const since = bench.clock.nowMs;
      await operate(one, two);
      await keep(9, one.id, two.id);
      expect(await idle()).toEqual([]);
      await keep(1, one.id, two.id);
      expect(await idle()).toEqual([
        {
          ...{ teamId: bench.team.id, controlId: made.id, name: made.name, metric: 'TOTAL_COST', group: null },
          ...{ share: 0.92, owners: 1, owner: 'host-a:1', ownerShare: 0.92, sinceMs: since },
        },
      ]);
      // Whoever spends what it holds, holds it for something.
      await spend(30, one.id);
      expect(await idle()).toMatchObject([{ share: 0.32 }]);
      await operate({ op: 'give-back', id: two.id, sequence: bench.clock.nowMs + 1, keep: {} });
      expect(await idle()).toEqual([]);
    });

    test('is added up over owners, so that many names hide nobody; raises count as budget', async () => {
      const made = await make({ groupBy: 'AGENT' });
      const takes = ['x', 'y', 'z'].map((owner, i) => take(20 + i, { owner, call: call({ agent: 'a' }) }));
      await operate(...takes, take(5, { owner: 'x', call: call({ agent: 'b' }) }));
      await keep(10, ...takes.map(({ id }) => id));
      expect(await idle()).toMatchObject([
        { controlId: made.id, group: 'a', owners: 3, owner: 'z', ownerShare: 0.22, share: expect.closeTo(0.63, 5) },
      ]);
      const raise = { amount: '1', untilMs: bench.clock.nowMs + HOUR, reason: 'more' };
      await bench.store.raiseControl(bench.team.id, made.id, raise, { id: 'key-1', label: 'ops' });
      expect(await idle()).toMatchObject([{ share: expect.closeTo(0.315, 5) }]);
    });
  });
}
