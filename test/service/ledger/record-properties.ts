/** What recording promises, held against a model of thirty lines; run by every store. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { receiptAnswer } from '../../../service/ledger/receipt.js';
import type { IncomingItem, ItemOutcome, Store } from '../../../service/store/store.js';
import type { OpenStore } from '../store-contract.js';
import { control, event, type HandClock, handClock, tempFolder } from '../store-support.js';

/** Small worlds, so that everything meets everything. */
interface ModelItem {
  readonly transaction: number;
  readonly body: number;
  readonly key: { readonly name: number; readonly request: number } | undefined;
}
type Step =
  | { readonly kind: 'calls'; readonly calls: readonly (readonly ModelItem[])[] }
  | { readonly kind: 'pass'; readonly hours: number };

const items: fc.Arbitrary<ModelItem> = fc.record({
  transaction: fc.nat(5),
  body: fc.nat(2),
  key: fc.option(fc.record({ name: fc.nat(3), request: fc.nat(1) }), { nil: undefined, freq: 2 }),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('calls' as const),
        calls: fc.array(fc.array(items, { maxLength: 6 }), { minLength: 1, maxLength: 5 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), hours: fc.constantFrom(1, 23, 25) }) },
  ),
  { minLength: 2, maxLength: 10 },
);

/** Cents that a body costs. */
const centsOf = (body: number): number => 7 + 10 * body;

/** What should have happened. */
class Model {
  readonly events = new Map<number, number>();
  readonly conflicts = new Map<string, number>();
  readonly keys = new Map<number, { readonly request: number; readonly atMs: number; readonly transaction: number }>();

  expect({ transaction, body, key }: ModelItem, nowMs: number): string {
    if (key !== undefined) {
      const kept = this.keys.get(key.name);
      if (kept !== undefined && nowMs - kept.atMs < 24 * 3_600_000) {
        return kept.request === key.request ? `replayed ${kept.transaction}` : 'mismatch';
      }
      this.keys.set(key.name, { request: key.request, atMs: nowMs, transaction });
    }
    const stored = this.events.get(transaction);
    if (stored === undefined) {
      this.events.set(transaction, body);
      return `stored ${transaction}`;
    }
    if (stored === body) return `duplicate ${transaction}`;
    const name = `${transaction} ${body}`;
    this.conflicts.set(name, (this.conflicts.get(name) ?? 0) + 1);
    return `conflict ${transaction}`;
  }

  get nanoUsd(): bigint {
    return [...this.events.values()].reduce((sum, body) => sum + BigInt(centsOf(body)) * 10_000_000n, 0n);
  }
}

/** Runs the properties on a store. */
export function recordProperties(name: string, open: OpenStore, runs: number): void {
  describe(name, () => {
    const clock = handClock();
    let folder: ReturnType<typeof tempFolder>;
    let store: Store;
    beforeAll(async () => {
      folder = tempFolder();
      store = await open(folder.path, clock.runtime);
    });
    afterAll(async () => {
      await store.close();
      folder.remove();
    });

    test('I4, I6: any mix of events, duplicates, conflicts, keys and replays, in one call or several at once', {
      timeout: 120_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(steps, (history) => live(store, clock, history)),
        { numRuns: runs, interruptAfterTimeLimit: 90_000 },
      );
    });

    test('one call: outcomes stand in the order of the items, whatever they are', async () => {
      const { id } = await store.createTeam('t');
      const [one, two] = [event(clock.nowMs, { totalCost: 1 }), event(clock.nowMs, { totalCost: 2 })];
      const other = { ...one, body: { ...one.body, totalCost: 3 } };
      const key = (text: string, bodyHash = 'h') => ({ key: text, bodyHash });
      const outcomes = await store.record(id, [
        { event: one, key: key('a') },
        { event: two },
        { event: one, key: key('a') },
        { event: one, key: key('a', 'another') },
        { event: other },
        { event: two },
        { event: other, key: key('b') },
        { event: one, key: key('b') },
      ]);
      const seen = outcomes.map((one) => (one.state === 'recorded' ? one.result.outcome : one.state));
      const [first, , third] = outcomes;
      expect(seen).toEqual([
        'stored',
        'stored',
        'replayed',
        'mismatch',
        'conflict',
        'duplicate',
        'conflict',
        'replayed',
      ]);
      if (first?.state !== 'recorded' || third?.state !== 'replayed') throw new Error('not as expected');
      expect(third.answer).toEqual(receiptAnswer(first.result));
      expect(await store.record(id, [])).toEqual([]);
    });

    test('what cannot be recorded fails alone, though it shares its transaction', async () => {
      const { id } = await store.createTeam('t');
      const poisoned = { ...event(clock.nowMs), receivedAtMs: 'now' as unknown as number };
      const good = Array.from({ length: 6 }, () => event(clock.nowMs, { totalCost: 1 }));
      const settled = await Promise.allSettled([
        ...good.slice(0, 3).map((one) => store.record(id, [{ event: one }])),
        store.recordEvents(id, [event(clock.nowMs), poisoned]),
        ...good.slice(3).map((one) => store.recordEvents(id, [one])),
        store.record('nobody', [{ event: event(clock.nowMs) }]),
      ]);
      const failed = settled.map(({ status }) => status === 'rejected');
      expect(failed).toEqual([false, false, false, true, false, false, false, true]);
      expect((await store.findEvents(id, { page: 0, size: 20 })).totalElements).toBe(good.length);
      const items = [event(clock.nowMs), poisoned, event(clock.nowMs)].map((one) => ({ event: one }));
      expect((await store.record(id, items)).map(({ state }) => state)).toEqual(['recorded', 'failed', 'recorded']);
      expect((await store.findEvents(id, { page: 0, size: 20 })).totalElements).toBe(good.length + 2);
    });
  });
}

async function live(store: Store, clock: HandClock, history: readonly Step[]): Promise<void> {
  const { id } = await store.createTeam('t');
  const limited = await store.createControl(id, control({ hardLimit: '1000000', windowType: 'QUARTERLY' }));
  const model = new Model();
  const ids = new Map<string, string>();
  for (const step of history) {
    if (step.kind === 'pass') {
      clock.advance(step.hours * 3_600_000);
      continue;
    }
    clock.advance(1);
    const calls = step.calls.map((call) =>
      store.record(
        id,
        call.map((one) => incoming(one, clock.nowMs)),
      ),
    );
    const wanted = step.calls.map((call) => call.map((one) => model.expect(one, clock.nowMs)));
    const seen = (await Promise.all(calls)).map((outcomes) => outcomes.map((outcome) => nameOf(outcome, ids)));
    expect(seen).toEqual(wanted);
  }
  const { items: stored } = await store.findEvents(id, { page: 0, size: 100 });
  expect(stored).toHaveLength(model.events.size);
  expect(stored.reduce((sum, one) => sum + one.amountNanoUsd, 0n)).toBe(model.nanoUsd);
  const conflicts = (await store.listConflicts(id, { page: 0, size: 100 })).items;
  const kept = conflicts.map(
    ({ transactionId, body, times }) => [`${transactionId} ${body['region']}`, times] as const,
  );
  expect(new Map(kept)).toEqual(model.conflicts);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.deleteControl(id, limited.id);
}

function incoming({ transaction, body, key }: ModelItem, nowMs: number): IncomingItem {
  const fields = { transactionId: String(transaction), totalCost: centsOf(body) / 100, region: String(body) };
  // Its own time is part of the body: the same for the same body, whenever it comes.
  const one = { ...event(0, fields), receivedAtMs: nowMs };
  if (key === undefined) return { event: one };
  return { event: one, key: { key: `k${key.name}`, bodyHash: `r${key.request}` } };
}

/** One word for an outcome. An event keeps its id and its receipt, however often it is met. */
function nameOf(outcome: ItemOutcome, ids: Map<string, string>): string {
  if (outcome.state === 'mismatch') return 'mismatch';
  if (outcome.state === 'failed') throw outcome.error;
  if (outcome.state === 'recorded') {
    const { id, transactionId } = outcome.result;
    expect(ids.get(transactionId) ?? id).toBe(id);
    ids.set(transactionId, id);
    return `${outcome.result.outcome} ${transactionId}`;
  }
  expect(outcome.answer.status).toBe(201);
  const { id, label } = JSON.parse(outcome.answer.body) as { id: string; label: string };
  expect(id).toBe(ids.get(label));
  return `replayed ${label}`;
}
