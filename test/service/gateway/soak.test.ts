/** The judges of `npm run soak:gateway` find what they are there for. */
import { expect, it } from 'vitest';
import { type PlannedCall, planCall } from '../../../scripts/soak/calls.js';
import { judgeMemory, slopeOf } from '../../../scripts/soak/flatness.js';
import type { Memory } from '../../../scripts/soak/gateway-child.js';
import { Oracle } from '../../../scripts/soak/oracle.js';
import { nanoOf } from '../../../scripts/soak/whole.js';
import { createChance } from '../../simulation/chance.js';

const MIB = 2 ** 20;
const memory = (heapMib: number, more: Partial<Memory> = {}): Memory => ({
  heapBytes: heapMib * MIB,
  externalBytes: 5 * MIB,
  rssBytes: 200 * MIB,
  sockets: 2,
  timers: 0,
  ...more,
});
const grown = (samples: readonly Memory[]) =>
  judgeMemory(samples)
    .filter(({ isFlat }) => !isFlat)
    .map(({ measure }) => measure);

it('memory that goes up and down is flat, memory that climbs is not', () => {
  expect(grown([50, 53, 49, 52, 50, 53, 51, 50].map((heap) => memory(heap)))).toEqual([]);
  expect(grown([50, 51, 52, 53, 54, 55, 56, 57].map((heap) => memory(heap)))).toEqual(['heapBytes']);
  // Down first and then up for good: two samples would not tell.
  expect(grown([60, 50, 55, 60, 65, 70, 75, 80].map((heap) => memory(heap)))).toEqual(['heapBytes']);
  expect(grown([0, 2, 4, 6, 8].map((sockets) => memory(50, { sockets })))).toEqual(['sockets']);
  expect(slopeOf([1, 3, 5])).toBe(2);
});

const call = (changes: Partial<PlannedCall> = {}): PlannedCall => ({
  name: 'a call',
  path: '/api/chat',
  body: {},
  manner: 'reads',
  status: 200,
  expected: { exact: 7n },
  ...changes,
});
const answered = (transactionId: string) => ({ status: 200, transactionId, isComplete: true });

it('an oracle that got what it knows is content', () => {
  const oracle = new Oracle();
  oracle.made(call(), answered('a'));
  oracle.made(call({ expected: { atMost: 9n } }), answered('b'));
  const { status: _, ...leaving } = call({ manner: 'leaves' });
  oracle.made(leaving, { isComplete: false });
  oracle.made({ ...leaving, manner: 'reads' }, { status: 429, refused: 'busy', isComplete: true });
  const events = [
    { transactionId: 'a', nanoUsd: 7n },
    { transactionId: 'b', nanoUsd: 8n },
    { transactionId: 'of the one that left', nanoUsd: 7n },
  ];
  expect(oracle.compare(events)).toBe(22n);
  expect(oracle.problems).toEqual([]);
});

it.each<[string, RegExp, (oracle: Oracle) => void, { transactionId: string; nanoUsd: bigint | undefined }[]]>([
  ['a wrong price', /costs 8 and not 7/, () => {}, [{ transactionId: 'a', nanoUsd: 8n }]],
  ['an unknown price', /unknown/, () => {}, [{ transactionId: 'a', nanoUsd: undefined }]],
  ['a lost event', /not in the ledger/, () => {}, []],
  [
    'an event that is there twice',
    /there twice/,
    () => {},
    [
      { transactionId: 'a', nanoUsd: 7n },
      { transactionId: 'a', nanoUsd: 7n },
    ],
  ],
  [
    'an event that nobody asked for',
    /1 events of 0 calls/,
    () => {},
    [
      { transactionId: 'a', nanoUsd: 7n },
      { transactionId: 'b', nanoUsd: 0n },
    ],
  ],
  [
    'an answer that was cut',
    /did not come to its end/,
    (oracle) => oracle.made(call(), { ...answered('b'), isComplete: false }),
    [
      { transactionId: 'a', nanoUsd: 7n },
      { transactionId: 'b', nanoUsd: 7n },
    ],
  ],
  [
    'an answer without an id',
    /without an id/,
    (oracle) => oracle.made(call(), { status: 200, isComplete: true }),
    [{ transactionId: 'a', nanoUsd: 7n }],
  ],
])('an oracle finds %s', (_name, problem, more, events) => {
  const oracle = new Oracle();
  oracle.made(call(), answered('a'));
  more(oracle);
  oracle.compare(events);
  expect(oracle.problems.join('\n')).toMatch(problem);
});

it('the calls of a seed are the same again, and of every manner', () => {
  const calls = (seed: number) => {
    const chance = createChance(seed, 'soak');
    return Array.from({ length: 2_000 }, () => planCall(chance));
  };
  expect(calls(3).map(({ name }) => name)).toEqual(calls(3).map(({ name }) => name));
  const manners = new Set(calls(3).map(({ manner }) => manner));
  expect([...manners].sort()).toEqual(
    ['leaves', 'leaves before its request is whole', 'reads', 'reads slowly', 'writes slowly'].sort(),
  );
  expect(calls(3).filter(({ expected }) => 'exact' in expected && expected.exact > 0n).length).toBeGreaterThan(1_200);
  expect(nanoOf('1.000000001')).toBe(1_000_000_001n);
});
