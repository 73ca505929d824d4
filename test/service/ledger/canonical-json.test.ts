import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson, eventFactsOf } from '../../../service/ledger/event-facts.js';

/** The same, as plainly as it can be said. */
function naive(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(naive).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${naive(member)}`).join(',')}}`;
}

it('is JSON with sorted keys, for whatever JSON can say', () => {
  const anything = fc.anything({
    withBigInt: false,
    withDate: false,
    withMap: false,
    withSet: false,
    values: [fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined)],
    key: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('10', '9', '"', '\\', '\u2028', '\ud800')),
  });
  fc.assert(
    fc.property(anything, (value) => {
      expect(canonicalJson(value)).toBe(naive(value));
    }),
    { numRuns: 2_000 },
  );
  for (const text of ['', '"', '\\', '\u0000', '\u007f', 'ä', '\ud83d', '~ !#[]', 'x'.repeat(200)]) {
    expect(canonicalJson(text)).toBe(JSON.stringify(text));
  }
  expect([-0, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY].map(canonicalJson)).toEqual([
    '0',
    '1e+21',
    '1e-7',
    'null',
    'null',
  ]);
});

it('the hash of an event is SHA-256 of its text in UTF-8', () => {
  const body = { transactionId: 't', model: 'größer', provider: 'X' };
  const { bodyText, bodyHash } = eventFactsOf({ transactionId: 't', receivedAtMs: 1, body });
  expect(bodyHash).toBe(createHash('sha256').update(bodyText, 'utf8').digest('hex'));
});
