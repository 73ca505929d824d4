import fc from 'fast-check';
import type { Log } from 'fusewire/internal';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../../service/gateway/http/failure.js';
import { KeyLimits, type Place } from '../../../../service/gateway/http/key-limits.js';
import { createFakeClock } from '../../../../src/testing.js';

function limitsOf(limits: Partial<{ keyRatePerSecond: number; keyConcurrencyMax: number; callsMax: number }> = {}) {
  const lines: string[] = [];
  const add = (message: string) => void lines.push(message);
  const log: Log = { debug: add, info: add, warn: add, error: add, isDebug: () => true };
  const clock = createFakeClock();
  const all = { keyRatePerSecond: 0, keyConcurrencyMax: 0, callsMax: 1_000, ...limits };
  return { limits: new KeyLimits(all, clock, log), clock, lines };
}

const codeOf = (got: Place | Failure) => (got instanceof Failure ? `${got.status} ${got.code}` : 'place');

describe('what a key may do', () => {
  it('at once is bounded, and given back once', () => {
    const { limits } = limitsOf({ keyConcurrencyMax: 2 });
    const first = limits.enter({ id: 'a' }) as Place;
    const second = limits.enter({ id: 'a' }) as Place;
    const refused = limits.enter({ id: 'a' }) as Failure;
    expect([refused.status, refused.code, refused.options.retryAfterSeconds]).toEqual([
      429,
      'too_many_concurrent_requests',
      1,
    ]);
    expect(codeOf(limits.enter({ id: 'b' }))).toBe('place');
    first.release();
    first.release();
    first.release();
    expect(codeOf(limits.enter({ id: 'a' }))).toBe('place');
    expect(codeOf(limits.enter({ id: 'a' }))).toBe('429 too_many_concurrent_requests');
    second.release();
    expect(limits.callsUnderWay).toBe(2);
  });

  it('in a second is bounded, and says when to come back', async () => {
    const { limits, clock } = limitsOf({ keyRatePerSecond: 0.25 });
    expect(codeOf(limits.enter({ id: 'a' }))).toBe('place');
    const refused = limits.enter({ id: 'a' }) as Failure;
    expect([refused.status, refused.code, refused.options.retryAfterSeconds]).toEqual([429, 'rate_limited', 4]);
    await clock.advance(4_000);
    expect(codeOf(limits.enter({ id: 'a' }))).toBe('place');
  });

  it('follows the key where it has limits of its own', () => {
    const { limits } = limitsOf({ keyRatePerSecond: 1, keyConcurrencyMax: 1 });
    const generous = { id: 'a', ratePerSecond: 100, concurrencyMax: 50 };
    for (let i = 0; i < 50; i += 1) expect(codeOf(limits.enter(generous)), String(i)).toBe('place');
    expect(codeOf(limits.enter(generous))).toBe('429 too_many_concurrent_requests');
    const none = { id: 'b', ratePerSecond: 0, concurrencyMax: 0 };
    for (let i = 0; i < 300; i += 1) expect(codeOf(limits.enter(none))).toBe('place');
  });

  it('is not charged for what it was not given', () => {
    const { limits } = limitsOf({ keyRatePerSecond: 2, keyConcurrencyMax: 1 });
    const place = limits.enter({ id: 'a' }) as Place;
    for (let i = 0; i < 20; i += 1) expect(codeOf(limits.enter({ id: 'a' }))).toBe('429 too_many_concurrent_requests');
    place.release();
    expect(codeOf(limits.enter({ id: 'a' }))).toBe('place');
  });
});

describe('what the process takes on', () => {
  it('is bounded, with one line when it is reached and one when it is over', () => {
    const { limits, lines } = limitsOf({ callsMax: 4 });
    const places = Array.from({ length: 4 }, (_, at) => limits.enter({ id: `k${at}` }) as Place);
    const refused = limits.enter({ id: 'x' }) as Failure;
    expect([refused.status, refused.code, refused.options.retryAfterSeconds]).toEqual([503, 'overloaded', 1]);
    limits.enter({ id: 'y' });
    expect(lines).toEqual(['too many calls at once; the rest is told to come back']);
    for (const place of places) place.release();
    expect(lines).toEqual(['too many calls at once; the rest is told to come back', 'the gateway takes calls again']);
  });

  it('is counted as a naive count would be, whatever comes in whatever order', () => {
    const action = fc.record({ key: fc.constantFrom('a', 'b', 'c'), leaves: fc.option(fc.nat({ max: 40 })) });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), ({ length, ...actions }) => {
        const { limits } = limitsOf({ keyConcurrencyMax: 3, callsMax: 7 });
        const held: { key: string; place: Place; released: boolean }[] = [];
        const open = (key?: string) =>
          held.filter((one) => !one.released && (key === undefined || one.key === key)).length;
        for (const { key, leaves } of Array.from({ ...actions, length })) {
          const one = leaves === null ? undefined : held[leaves];
          if (one !== undefined) {
            one.place.release();
            one.released = true;
          }
          const expected =
            open() >= 7 ? '503 overloaded' : open(key) >= 3 ? '429 too_many_concurrent_requests' : 'place';
          const got = limits.enter({ id: key });
          expect(codeOf(got)).toBe(expected);
          if (!(got instanceof Failure)) held.push({ key, place: got, released: false });
          expect(limits.callsUnderWay).toBe(open());
        }
        for (const { place } of held) place.release();
        expect([limits.callsUnderWay, limits.keysUnderWay]).toEqual([0, 0]);
      }),
    );
  });
});
