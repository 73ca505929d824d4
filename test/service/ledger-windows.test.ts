import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextWindowTurnMs, WINDOW_TYPES, windowOf, windowTimeOf } from '../../service/ledger/windows.js';

const instants = fc.integer({ min: Date.UTC(1971, 0, 1), max: Date.UTC(2199, 11, 31) });
const at = (text: string): number => Date.parse(text);

describe('windows', () => {
  test('have the keys of the contract', () => {
    const noon = at('2026-11-20T12:00:00Z');
    expect(WINDOW_TYPES.map((type) => windowOf(type, noon).key)).toEqual([
      'DAILY:2026-11-20',
      'WEEKLY:2026-W47',
      'MONTHLY:2026-11',
      'QUARTERLY:2026-Q4',
    ]);
  });

  test.each([
    ['2026-11-22T23:59:59.999Z', 'WEEKLY:2026-W47'],
    ['2026-11-23T00:00:00Z', 'WEEKLY:2026-W48'],
    ['2027-01-01T00:00:00Z', 'WEEKLY:2026-W53'],
    ['2024-12-30T00:00:00Z', 'WEEKLY:2025-W01'],
    ['2021-01-03T12:00:00Z', 'WEEKLY:2020-W53'],
  ])('%s lies in the ISO week %s', (text, key) => {
    expect(windowOf('WEEKLY', at(text)).key).toBe(key);
  });

  test('a leap day, a year end and a quarter end are where the calendar has them', () => {
    const leap = windowOf('MONTHLY', at('2028-02-29T23:00:00Z'));
    expect([leap.startMs, leap.endMs]).toEqual([at('2028-02-01T00:00:00Z'), at('2028-03-01T00:00:00Z')]);
    expect(windowOf('QUARTERLY', at('2026-12-31T23:59:59Z')).endMs).toBe(at('2027-01-01T00:00:00Z'));
    expect(windowOf('QUARTERLY', at('2026-09-30T23:59:59Z')).key).toBe('QUARTERLY:2026-Q3');
  });

  test('I13: an instant lies in its window, and the windows of a type follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(fc.constantFrom(...WINDOW_TYPES), instants, (type, instant) => {
        const window = windowOf(type, instant);
        expect(window.startMs).toBeLessThanOrEqual(instant);
        expect(window.endMs).toBeGreaterThan(instant);
        expect(windowOf(type, window.startMs)).toEqual(window);
        expect(windowOf(type, window.endMs - 1)).toEqual(window);
        const next = windowOf(type, window.endMs);
        expect(next.startMs).toBe(window.endMs);
        expect(next.key).not.toBe(window.key);
        if (type === 'WEEKLY') expect(new Date(window.startMs).getUTCDay()).toBe(1);
      }),
    );
  });

  test('I13: no window ends between now and the next turn', () => {
    fc.assert(
      fc.property(fc.constantFrom(...WINDOW_TYPES), instants, (type, instant) => {
        const turn = nextWindowTurnMs(instant);
        expect(turn).toBeGreaterThan(instant);
        expect(windowOf(type, instant).endMs).toBeGreaterThanOrEqual(turn);
      }),
    );
  });

  test('an event counts by its request time from 25 h before to 5 min after receipt, else by the receipt, flagged', () => {
    const received = at('2026-11-20T12:00:00Z');
    const early = received - 25 * 3_600_000;
    const late = received + 5 * 60_000;
    expect(windowTimeOf(early, received)).toEqual({ windowTimeMs: early, flagged: false });
    expect(windowTimeOf(late, received)).toEqual({ windowTimeMs: late, flagged: false });
    for (const outside of [early - 1, late + 1, undefined]) {
      expect(windowTimeOf(outside, received)).toEqual({ windowTimeMs: received, flagged: true });
    }
  });
});
