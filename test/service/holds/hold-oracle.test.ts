/** I7 against a naive book: random operations, late and repeated, on three controls; and nothing is held when all has ended. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import type { HoldOperation } from 'fusewire/internal';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { IncomingEvent } from '../../../service/store/store.js';
import { handClock, tempFolder } from '../store-support.js';
import { call, centsOf, declarePrice, hard, need, settling, take } from './hold-support.js';

/** One step. `which` chooses among the holds there are. */
type Step =
  | { readonly kind: 'take'; readonly cents: number; readonly product: number; readonly calls: number }
  | { readonly kind: 'extend'; readonly which: number; readonly cents: number }
  | { readonly kind: 'give-back'; readonly which: number; readonly keep: number }
  | { readonly kind: 'renew'; readonly which: number }
  | { readonly kind: 'repeat'; readonly which: number }
  | { readonly kind: 'spend'; readonly which: number; readonly share: number }
  | { readonly kind: 'wait'; readonly seconds: number };

const which = fc.nat(50);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('take' as const),
        cents: fc.integer({ min: 0, max: 40 }),
        product: fc.nat(1),
        calls: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('extend' as const), which, cents: fc.integer({ min: 0, max: 40 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('give-back' as const), which, keep: fc.integer({ min: 0, max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('renew' as const), which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which }) },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('spend' as const), which, share: fc.integer({ min: 0, max: 100 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 200 }) }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

/** What one hold may still spend, as its owner knows it: the least of its parts, less what was spent. */
interface Mine {
  readonly id: string;
  readonly product: string;
  sequence: number;
  amounts: Map<string, bigint>;
  spent: bigint;
  drawUntilMs: number;
}

test('I7: with the defaults nothing is ever spent and held above a limit, and at the end nothing is held', async () => {
  const folder = tempFolder();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      round += 1;
      const clock = handClock();
      const file = join(folder.path, `${round}`, 'x.db');
      const store = await openSqliteStore({ file, runtime: clock.runtime, inProcess: true });
      const { id: teamId } = await store.createTeam('t');
      await declarePrice(store, teamId);
      await store.createControl(teamId, hard({ hardLimit: '2' }));
      await store.createControl(teamId, hard({ hardLimit: '1', groupBy: 'PRODUCT' }));
      await store.createControl(teamId, hard({ hardLimit: '1.5', windowType: 'ROLLING', windowDuration: 'PT24H' }));
      const mine: Mine[] = [];
      const said: HoldOperation[] = [];
      const events: IncomingEvent[] = [];
      const operate = async (operation: HoldOperation, hold?: Mine) => {
        said.push(operation);
        const sentAtMs = clock.nowMs;
        const [outcome] = await store.operateHolds(teamId, [operation]);
        const state = outcome?.outcome === 'held' || outcome?.outcome === 'refused' ? outcome.hold : undefined;
        if (state === undefined) return outcome;
        const known = hold ?? { id: state.id, product: '', sequence: 0, amounts: new Map(), spent: 0n, drawUntilMs: 0 };
        known.amounts = new Map(state.parts.map(({ controlId, amount }) => [controlId, BigInt(amount)]));
        known.drawUntilMs = state.state === 'open' ? sentAtMs + state.drawForMs : 0;
        return outcome;
      };
      const prove = async () => {
        const { items } = await store.listHolds(teamId, { page: 0, size: 1_000, state: 'open' });
        const spies = ['0', '1'].map((product) => {
          const asked = take(1_000_000, { owner: 'spy' });
          return { ...asked, call: call({ product }) };
        });
        for (const outcome of await store.operateHolds(teamId, spies)) {
          if (outcome.outcome !== 'refused') throw new Error('the spy was let in');
          const { spend, held, limit } = outcome.refusal;
          expect(BigInt(spend) + BigInt(held)).toBeLessThanOrEqual(BigInt(limit));
        }
        return items.flatMap(({ parts }) => parts);
      };
      for (const step of all) {
        if (step.kind === 'wait') {
          clock.advance(step.seconds * 1_000);
          if (step.seconds % 2 === 0) await store.turnWindows();
        } else if (step.kind === 'take') {
          const product = `${step.product}`;
          const id = randomUUID();
          const hold: Mine = { id, product, sequence: 0, amounts: new Map(), spent: 0n, drawUntilMs: 0 };
          const asked = take(step.cents, { id, calls: step.calls, call: call({ product }) });
          const outcome = await operate(asked, hold);
          if (outcome?.outcome === 'held') mine.push(hold);
        } else if (step.kind === 'repeat') {
          const old = said[step.which % Math.max(1, said.length)];
          if (old !== undefined) await store.operateHolds(teamId, [old]);
          const late = events[step.which % Math.max(1, events.length)];
          if (late !== undefined) await store.recordEvents(teamId, [late]);
        } else {
          const hold = mine[step.which % Math.max(1, mine.length)];
          if (hold === undefined) continue;
          const of = { id: hold.id, sequence: hold.sequence + 1 };
          const asked = { call: call({ product: hold.product }), need: need(0), calls: 1 };
          if (step.kind === 'spend') {
            const left = [...hold.amounts.values()].reduce((least, one) => (one < least ? one : least), 10n ** 12n);
            const room = left - hold.spent;
            // Its owner draws no longer than it was told, and delivers late.
            if (room <= 0n || clock.nowMs >= hold.drawUntilMs) continue;
            const cost = (room * BigInt(step.share)) / 100n / 10_000_000n;
            hold.spent += cost * 10_000_000n;
            events.push(settling(clock.nowMs, Number(cost), hold.id, { productName: hold.product }));
            if (step.which % 3 !== 0) await store.recordEvents(teamId, events.slice(-1));
            continue;
          }
          hold.sequence += 1;
          if (step.kind === 'renew') await operate({ op: 'renew', ...of }, hold);
          else if (step.kind === 'extend') {
            const missing = Object.fromEntries([...hold.amounts.keys()].map((one) => [one, `${step.cents}0000000`]));
            await operate({ op: 'extend', ...of, ...asked, missing }, hold);
          } else {
            // What was drawn and is not in the ledger yet stays.
            const kept = await store.getHold(teamId, hold.id);
            const drawn = kept?.parts.map(({ drawn: one }) => one) ?? [];
            const open = hold.spent - drawn.reduce((least, one) => (one < least ? one : least), hold.spent);
            const keep = Object.fromEntries(
              [...hold.amounts.keys()].map((one) => [one, `${open + BigInt(step.keep) * 10_000_000n}`]),
            );
            await operate({ op: 'give-back', ...of, keep }, hold);
          }
        }
        await prove();
      }
      // Everything that was spent comes, once more or for the first time, whenever it likes.
      clock.advance(300_000);
      await store.turnWindows();
      await store.recordEvents(teamId, events);
      const { wrong } = await store.verifyBalances();
      expect(wrong).toEqual([]);
      expect((await prove()).filter(({ left }) => left > 0n)).toEqual([]);
      const totals = await store.holdTotals(teamId);
      for (const { openCount, metrics } of totals) {
        expect(openCount).toBe(0);
        for (const { held, overrun } of metrics) expect([centsOf(held), centsOf(overrun)]).toEqual([0, 0]);
      }
      await store.close();
    }),
    { numRuns: 25, endOnFailure: false },
  );
  folder.remove();
}, 120_000);
