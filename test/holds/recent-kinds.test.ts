import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HoldAsk } from '../../src/holds/holder-types.js';
import { RecentKinds } from '../../src/holds/recent-kinds.js';
import { scopeKey } from '../../src/holds/scope-key.js';
import { askFor } from './support.js';

/** Few texts that are easily mixed up, so that kinds meet in one place and differ in one field. */
const text = fc.constantFrom('', 'a', 'aa', 'ab', 'ba', undefined);
const call = fc.record({
  dimensions: fc.record({
    model: text,
    provider: text,
    subscriberId: text,
    subscriberEmail: text,
    organization: text,
    product: text,
    credential: text,
    credentialName: text,
    agent: text,
    taskType: text,
  }),
  provider: fc.constantFrom('p', 'q'),
  modelSource: fc.constantFrom('p', 'q'),
  model: fc.constantFrom('', 'm'),
  operationType: fc.constantFrom('CHAT' as const, 'IMAGE' as const),
  requestedServiceTier: text,
  pricingTier: fc.constantFrom('STANDARD' as const, 'BATCH' as const, undefined),
  hasVisionContent: fc.constantFrom(true, false, undefined),
  billingUnit: text,
  quality: text,
  resolution: text,
});
const worst = fc.record({
  inputTokensMax: fc.constantFrom(0, 7),
  outputTokensMax: fc.constantFrom(0, 7),
  isOutputLimited: fc.boolean(),
  images: fc.constantFrom(0, 1),
  characters: fc.constant(0),
  mediaSeconds: fc.constant(0),
  cacheWrites: fc.constantFrom('none' as const, 'long' as const),
  hasSound: fc.boolean(),
  tiers: fc.constantFrom<string[]>([], [], ['fast']),
});
const size = fc.constantFrom('1 2', '1 any', undefined);
const ask = fc.record({ call, need: fc.record({ worst }), size }) as fc.Arbitrary<HoldAsk>;

/** The same, but for one field at most. */
const pair = fc.tuple(ask, ask, fc.nat(21)).map(([one, other, field]): [HoldAsk, HoldAsk] => {
  if (field === 21) return [one, { ...one, size: other.size } as HoldAsk];
  const names = Object.keys(one.call).filter((name) => name !== 'dimensions');
  const dimensions = Object.keys(one.call.dimensions);
  if (field < names.length) {
    const name = names[field] as 'model';
    return [one, { ...one, call: { ...one.call, [name]: other.call[name] } }];
  }
  const name = dimensions[field - names.length] as 'agent' | undefined;
  if (name === undefined) return [one, { ...one, need: other.need }];
  return [
    one,
    { ...one, call: { ...one.call, dimensions: { ...one.call.dimensions, [name]: other.call.dimensions[name] } } },
  ];
});

describe('kinds of calls that were met lately', () => {
  it('are found for calls of the same kind, and for none that differs in one field', () => {
    const hits = { same: 0, other: 0 };
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const recent = new RecentKinds<HoldAsk>();
        recent.remember(one, one);
        const isSame = scopeKey(one) === scopeKey(other);
        const hasTiers = (other.need.worst.tiers ?? []).length > 0;
        expect(recent.find(other)).toBe(isSame && !hasTiers ? one : undefined);
        hits[isSame ? 'same' : 'other'] += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(hits.same, hits.other)).toBeGreaterThan(100);
  });

  it('give way to others, and are never taken for them', () => {
    const recent = new RecentKinds<string>();
    let found = 0;
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 600; i += 1) {
        const known = recent.find(askFor(5, `customer-${i}`));
        expect([undefined, `customer-${i}`]).toContain(known);
        if (known === undefined) recent.remember(askFor(7, `customer-${i}`), `customer-${i}`);
        expect(recent.find(askFor(9, `customer-${i}`))).toBe(`customer-${i}`);
        found += known === undefined ? 0 : 1;
      }
    }
    expect(found).toBeLessThan(1_800);
    recent.clear();
    expect(recent.find(askFor(5, 'customer-599'))).toBeUndefined();
  });
});
