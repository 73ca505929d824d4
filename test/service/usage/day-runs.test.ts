import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarWindow } from '../../../service/ledger/calendar-windows.js';
import { zoneOf } from '../../../service/ledger/time-zone.js';
import { dateOf, dayRuns } from '../../../service/usage/day-runs.js';
import { readRange } from '../../../service/usage/usage-range.js';
import { DAY, HOUR, NOON } from '../store-support.js';

/** Clocks that are set at 2, at midnight, over midnight, by half an hour; a zone that skipped a day. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Havana',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
];

describe('the days of a report', () => {
  it('are those of daily windows, for every instant of every zone', () => {
    const starts = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2030, 0, 1) });
    const spans = fc.integer({ min: 1, max: 400 * DAY });
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), starts, spans, fc.nat(), (name, startMs, spanMs, offset) => {
        const endMs = startMs + spanMs;
        const runs = dayRuns(zoneOf(name), startMs, endMs);
        expect([runs[0]!.fromMs, runs.at(-1)!.untilMs]).toEqual([startMs, endMs]);
        for (const [i, run] of runs.entries()) if (i > 0) expect(run.fromMs).toBe(runs[i - 1]!.untilMs);
        for (const atMs of [startMs, endMs - 1, startMs + (offset % spanMs)]) {
          const run = runs.find(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)!;
          const day = dateOf(run, Math.floor((atMs - run.originMs) / DAY));
          expect(`DAILY:${day}`).toBe(calendarWindow('DAILY', name, 'MONDAY', atMs).key);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('are few runs: a year has five, where clocks are set twice', () => {
    const { startMs, endMs, zone } = readRange(
      { start: '2026-01-01', end: '2026-12-31', timeZone: 'Europe/Berlin' },
      NOON,
    );
    const runs = dayRuns(zone, startMs, endMs);
    expect(runs.map(({ days }) => days)).toEqual([87, 1, 209, 1, 67]);
    expect(runs.map((run) => dateOf(run, 0))).toEqual([
      ...['2026-01-01', '2026-03-29', '2026-03-30', '2026-10-25', '2026-10-26'],
    ]);
    expect(runs.map(({ fromMs, untilMs }) => (untilMs - fromMs) / HOUR)).toEqual([87 * 24, 23, 209 * 24, 25, 67 * 24]);
  });
});

describe('a range', () => {
  const range = (start?: string, end?: string, timeZone?: string) => {
    const { startMs, endMs } = readRange({ start, end, timeZone }, NOON);
    return [new Date(startMs).toISOString(), new Date(endMs).toISOString()];
  };

  it('has the whole of the day of its end, in its zone', () => {
    expect(range('2024-12-01', '2024-12-31')).toEqual(['2024-12-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z']);
    expect(range('2024-12-31', '2024-12-31', 'Asia/Kathmandu')).toEqual([
      '2024-12-30T18:15:00.000Z',
      '2024-12-31T18:15:00.000Z',
    ]);
    // Havana begins this day an hour late, Samoa had no 30 December 2011 at all.
    expect(range('2026-03-08', '2026-03-08', 'America/Havana')[0]).toBe('2026-03-08T05:00:00.000Z');
    expect(range('2011-12-29', '2011-12-31', 'Pacific/Apia')).toEqual([
      '2011-12-29T10:00:00.000Z',
      '2011-12-31T10:00:00.000Z',
    ]);
  });

  it('is the current month, or the month of its end, where nothing else is said', () => {
    expect(range()).toEqual(['2026-08-01T00:00:00.000Z', '2026-09-01T00:00:00.000Z']);
    expect(range(undefined, undefined, 'Europe/Berlin')[0]).toBe('2026-07-31T22:00:00.000Z');
    expect(range(undefined, '2026-02-28')).toEqual(['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z']);
    expect(range(undefined, '2026-03-01T00:00:00Z')).toEqual(['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z']);
    expect(range('2020-01-01')).toEqual(['2020-01-01T00:00:00.000Z', '2026-09-01T00:00:00.000Z']);
  });

  it('may be as wide as a date can be written', () => {
    const whole = ['1970-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'];
    expect(range('0000-01-01', '9999-12-31')).toEqual(whole);
    expect(range('0000-01-01', '9999-12-31', 'America/New_York')).toEqual(whole);
    expect(range('0000-01-01T00:00:00+14:00', '9999-12-31T23:59:59-12:00')).toEqual(whole);
    expect(() => range('0001-01-01', '1969-12-31')).toThrow();
    expect(() => range(undefined, '0050-03-01')).toThrow();
  });

  it('takes instants as they are, a plus that nobody encoded too', () => {
    expect(range('2026-08-01T10:00:00 02:00', '2026-08-01T10:00:00.001+02:00')).toEqual([
      '2026-08-01T08:00:00.000Z',
      '2026-08-01T08:00:00.001Z',
    ]);
  });
});
