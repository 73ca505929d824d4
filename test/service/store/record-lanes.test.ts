import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { RecordedItem, RecordItem } from '../../../service/ledger/record.js';
import { RecordLanes } from '../../../service/store/record-lanes.js';
import type { ItemOutcome } from '../../../service/store/store.js';
import { StoreError, type StoreErrorCode } from '../../../service/store/store-error.js';

interface Call {
  readonly teamId: string;
  readonly items: readonly string[];
  finish(): void;
  fail(error: unknown): void;
}

/** An item that is told from the others by its name. */
function item(name: string): RecordItem {
  return { facts: { transactionId: name } } as unknown as RecordItem;
}

function many(count: number, prefix = 'i'): RecordItem[] {
  return Array.from({ length: count }, (_, i) => item(`${prefix}${i}`));
}

const nameOf = ({ facts }: RecordItem): string => facts.transactionId;
const namesOf = (outcomes: readonly ItemOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome.state === 'recorded' ? outcome.result.transactionId : outcome.state));

/** Lanes over an operation that ends when the test says so. */
function bench() {
  const calls: Call[] = [];
  const lanes = new RecordLanes((teamId, items) => {
    return new Promise((resolve, reject) => {
      const outcomes = items.map((one) => {
        return { state: 'recorded', result: { transactionId: nameOf(one) } } as unknown as RecordedItem;
      });
      calls.push({ teamId, items: items.map(nameOf), finish: () => resolve(outcomes), fail: reject });
    });
  });
  return { lanes, calls };
}

test('requests of one turn leave together, those that come meanwhile wait and leave together, each gets its own', async () => {
  const { lanes, calls } = bench();
  const first = [lanes.record('t', [item('a'), item('b')]), lanes.record('t', [item('c')])];
  await turn();
  expect(calls.map(({ items }) => items)).toEqual([['a', 'b', 'c']]);
  const second = [lanes.record('t', [item('d')]), lanes.record('t', [item('e')])];
  await turn();
  expect(calls).toHaveLength(1);
  calls[0]?.finish();
  expect((await Promise.all(first)).map(namesOf)).toEqual([['a', 'b'], ['c']]);
  await turn();
  expect(calls[1]?.items).toEqual(['d', 'e']);
  calls[1]?.finish();
  expect((await Promise.all(second)).map(namesOf)).toEqual([['d'], ['e']]);
});

test('many items leave while another operation is under way, few wait for its end, and no third is under way', async () => {
  const { lanes, calls } = bench();
  const recorded = [lanes.record('t', [item('a')])];
  await turn();
  recorded.push(lanes.record('t', many(249)));
  await turn();
  expect(calls).toHaveLength(1);
  recorded.push(lanes.record('t', [item('b')]));
  await turn();
  expect(calls.map(({ items }) => items.length)).toEqual([1, 250]);
  recorded.push(lanes.record('t', many(300)));
  await turn();
  expect(calls).toHaveLength(2);
  calls[1]?.finish();
  await turn();
  await turn();
  expect(calls.map(({ items }) => items.length)).toEqual([1, 250, 300]);
  for (const call of calls) call.finish();
  expect((await Promise.all(recorded)).map((outcomes) => outcomes.length)).toEqual([1, 249, 1, 300]);
});

test('teams do not wait for each other', async () => {
  const { lanes, calls } = bench();
  const slow = lanes.record('slow', [item('a')]);
  const quick = lanes.record('quick', [item('b')]);
  await turn();
  expect(calls.map(({ teamId }) => teamId)).toEqual(['slow', 'quick']);
  calls[1]?.finish();
  expect(namesOf(await quick)).toEqual(['b']);
  calls[0]?.finish();
  await slow;
});

test('I10: an operation has at most 2,000 items; a request is never torn apart, a larger one goes alone', async () => {
  const { lanes, calls } = bench();
  const sizes = [1_500, 500, 1, 2_500, 3];
  const recorded = sizes.map((size, i) => lanes.record('t', many(size, `r${i}-`)));
  for (let i = 0; i < 12; i += 1) {
    await turn();
    for (const call of calls) call.finish();
  }
  expect((await Promise.all(recorded)).map((outcomes) => outcomes.length)).toEqual(sizes);
  expect(calls.map(({ items }) => items.length)).toEqual([2_000, 1, 2_500, 3]);
});

test('I10: beyond what may wait, a request is told to come back, and those that wait are not harmed', async () => {
  const { lanes, calls } = bench();
  const waiting = Array.from({ length: 20 }, () => lanes.record('t', many(1_000)));
  await expect(lanes.record('t', [item('x')])).rejects.toMatchObject({ name: 'StoreError', code: 'UNAVAILABLE' });
  const other = lanes.record('other', [item('y')]);
  let done = false;
  const all = Promise.all([...waiting, other]).then(() => {
    done = true;
  });
  while (!done) {
    await turn();
    for (const call of calls) call.finish();
  }
  await all;
  const again = lanes.record('t', [item('x')]);
  await turn();
  calls.at(-1)?.finish();
  expect(namesOf(await again)).toEqual(['x']);
});

test.each(['UNAVAILABLE', 'BROKEN', 'UNKNOWN_TEAM'] as const)(
  '%s fails every request of the operation',
  async (code) => {
    const { lanes, calls } = bench();
    const recorded = ['a', 'b'].map((name) => lanes.record('t', [item(name)]).catch((error: unknown) => error));
    await turn();
    calls[0]?.fail(new StoreError(code satisfies StoreErrorCode, 'no'));
    for (const error of await Promise.all(recorded)) expect(error).toMatchObject({ code });
    expect(calls).toHaveLength(1);
  },
);

test('a request that cannot be recorded fails alone: the others are recorded without it, in their order', async () => {
  const { lanes, calls } = bench();
  const recorded = ['a', 'poison', 'c'].map((name) => lanes.record('t', [item(name)]).catch((error: unknown) => error));
  await turn();
  const poison = new RangeError('not a number');
  calls[0]?.fail(poison);
  for (let i = 1; i <= 3; i += 1) {
    await turn();
    if (calls[i]?.items[0] === 'poison') calls[i]?.fail(poison);
    else calls[i]?.finish();
  }
  const [a, failed, c] = await Promise.all(recorded);
  expect([a, c].map((one) => namesOf(one as RecordedItem[]))).toEqual([['a'], ['c']]);
  expect(failed).toBe(poison);
  expect(calls.map(({ items }) => items)).toEqual([['a', 'poison', 'c'], ['a'], ['poison'], ['c']]);
});

test('an item of a request that cannot be recorded fails alone; where the store is gone, the request fails', async () => {
  const poison = new RangeError('not a number');
  let gone = false;
  const lanes = new RecordLanes(async (_teamId, items) => {
    if (gone) throw new StoreError('UNAVAILABLE', 'no');
    if (items.some((one) => nameOf(one) === 'poison')) throw poison;
    return items.map(
      (one) => ({ state: 'recorded', result: { transactionId: nameOf(one) } }) as unknown as RecordedItem,
    );
  });
  const names = ['a', 'b', 'poison', 'c', 'd', 'e', 'poison'];
  const outcomes = await lanes.record('t', names.map(item), true);
  expect(namesOf(outcomes)).toEqual(['a', 'b', 'failed', 'c', 'd', 'e', 'failed']);
  expect(outcomes[2]).toEqual({ state: 'failed', error: poison });
  await expect(lanes.record('t', names.map(item))).rejects.toBe(poison);
  gone = true;
  await expect(lanes.record('t', names.map(item), true)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await lanes.close();
});

test('closing takes nothing more and waits for what was taken', async () => {
  const { lanes, calls } = bench();
  const first = lanes.record('t', [item('a')]);
  await turn();
  const second = lanes.record('t', [item('b')]);
  let closed = false;
  const closing = lanes.close().then(() => {
    closed = true;
  });
  await expect(lanes.record('t', [item('c')])).rejects.toMatchObject({ code: 'CLOSED' });
  calls[0]?.finish();
  await first;
  await turn();
  await turn();
  expect(closed).toBe(false);
  expect(calls).toHaveLength(2);
  calls[1]?.finish();
  await second;
  await closing;
  await new RecordLanes(async () => []).close();
});
