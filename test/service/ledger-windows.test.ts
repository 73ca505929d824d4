// Windows against a naive oracle that knows nothing but the local clock, over every zone and every change of clocks.
import fc from 'fast-check';
import { WINDOW_TYPES } from 'fusewire/internal';
import { describe, expect, test } from 'vitest';
import { timeZoneName } from '../../service/ledger/time-zone.js';
import { WindowMemo } from '../../service/ledger/window-memo.js';
import { NEVER_MS, type WindowSpec, windowOf, windowTimeOf } from '../../service/ledger/windows.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const instants = fc.integer({ min: Date.UTC(1971, 0, 1), max: Date.UTC(2099, 11, 31) });
const at = (text: string): number => Date.parse(text);
const key = (spec: WindowSpec, text: string): string => windowOf(spec, at(text)).key;

describe('windows in UTC', () => {
  test('have the keys of the contract', () => {
    const noon = at('2026-11-20T12:00:00Z');
    const keys = WINDOW_TYPES.filter((type) => type !== 'ROLLING').map((type) => windowOf(type, noon).key);
    expect(keys).toEqual([
      'HOURLY:2026-11-20T12+00:00',
      'DAILY:2026-11-20',
      'WEEKLY:2026-W47',
      'MONTHLY:2026-11',
      'QUARTERLY:2026-Q4',
      'LIFETIME',
    ]);
    expect(key({ windowType: 'ROLLING', windowDuration: 'PT24H' }, '2026-11-20T12:00:00Z')).toBe('ROLLING:PT24H');
  });

  test.each([
    ['2026-11-22T23:59:59.999Z', 'WEEKLY:2026-W47'],
    ['2026-11-23T00:00:00Z', 'WEEKLY:2026-W48'],
    ['2027-01-01T00:00:00Z', 'WEEKLY:2026-W53'],
    ['2024-12-30T00:00:00Z', 'WEEKLY:2025-W01'],
    ['2021-01-03T12:00:00Z', 'WEEKLY:2020-W53'],
  ])('%s lies in the ISO week %s', (text, expected) => {
    expect(windowOf('WEEKLY', at(text)).key).toBe(expected);
  });

  test('weeks that do not begin on Monday are named by their first day', () => {
    const spec = { windowType: 'WEEKLY', weekStart: 'SUNDAY' } as const;
    expect(key(spec, '2026-11-21T12:00:00Z')).toBe('WEEKLY:2026-11-15');
    expect(key(spec, '2026-11-22T00:00:00Z')).toBe('WEEKLY:2026-11-22');
  });

  test('a leap day, a year end and a quarter end are where the calendar has them', () => {
    const leap = windowOf('MONTHLY', at('2028-02-29T23:00:00Z'));
    expect([leap.key, leap.endMs]).toEqual(['MONTHLY:2028-02', at('2028-03-01T00:00:00Z')]);
    expect(windowOf('QUARTERLY', at('2026-12-31T23:59:59Z')).endMs).toBe(at('2027-01-01T00:00:00Z'));
    expect(windowOf('QUARTERLY', at('2026-09-30T23:59:59Z')).key).toBe('QUARTERLY:2026-Q3');
  });

  test('a lifetime never ends, and its end is still a date', () => {
    const window = windowOf('LIFETIME', at('2026-11-20T12:00:00Z'));
    expect([window.startMs, window.endMs]).toEqual([0, NEVER_MS]);
    expect(new Date(window.endMs).toISOString()).toBe('9999-12-31T23:59:59.999Z');
  });
});

describe('windows in a time zone', () => {
  test.each([
    // Berlin: the clock goes forward at 02:00, back at 03:00.
    ['Europe/Berlin', 'DAILY', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    ['Europe/Berlin', 'DAILY', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
    ['Europe/Berlin', 'HOURLY', '2026-10-25T00:30:00Z', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'],
    ['Europe/Berlin', 'MONTHLY', '2026-03-10T00:00:00Z', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
    // Cairo: the clock goes forward at midnight, so the day begins at 01:00.
    ['Africa/Cairo', 'DAILY', '2026-04-24T12:00:00Z', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
    // Lord Howe: half an hour.
    ['Australia/Lord_Howe', 'DAILY', '2026-04-05T00:00:00Z', '2026-04-04T13:00:00Z', '2026-04-05T13:30:00Z'],
    ['Australia/Lord_Howe', 'HOURLY', '2026-04-04T15:10:00Z', '2026-04-04T15:00:00Z', '2026-04-04T15:30:00Z'],
    ['Australia/Lord_Howe', 'HOURLY', '2026-10-03T15:40:00Z', '2026-10-03T15:30:00Z', '2026-10-03T16:00:00Z'],
    // Samoa had no 30 December 2011.
    ['Pacific/Apia', 'DAILY', '2011-12-30T09:00:00Z', '2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z'],
    ['Pacific/Apia', 'DAILY', '2011-12-30T10:00:00Z', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
    // Nepal: hours begin at a quarter past in UTC.
    ['Asia/Kathmandu', 'HOURLY', '2026-08-19T12:20:00Z', '2026-08-19T12:15:00Z', '2026-08-19T13:15:00Z'],
    // St John's set its clock back at 00:01: the hour before midnight came twice, the second belongs to the new day.
    ['America/St_Johns', 'DAILY', '2006-10-29T03:00:00Z', '2006-10-29T02:30:00Z', '2006-10-30T03:30:00Z'],
  ] as const)('%s %s of %s', (timeZone, windowType, instant, start, end) => {
    const { startMs, endMs } = windowOf({ windowType, timeZone }, at(instant));
    expect([new Date(startMs).toISOString(), new Date(endMs).toISOString()]).toEqual(
      [start, end].map((text) => new Date(at(text)).toISOString()),
    );
  });

  test('an hour that comes twice has two keys', () => {
    const spec = { windowType: 'HOURLY', timeZone: 'Europe/Berlin' } as const;
    expect(key(spec, '2026-10-25T00:30:00Z')).toBe('HOURLY:2026-10-25T02+02:00');
    expect(key(spec, '2026-10-25T01:30:00Z')).toBe('HOURLY:2026-10-25T02+01:00');
  });

  test('a day is named by the local date', () => {
    expect(key({ windowType: 'DAILY', timeZone: 'Pacific/Kiritimati' }, '2026-08-19T12:00:00Z')).toBe(
      'DAILY:2026-08-20',
    );
    expect(key({ windowType: 'DAILY', timeZone: 'Pacific/Pago_Pago' }, '2026-08-19T10:00:00Z')).toBe(
      'DAILY:2026-08-18',
    );
  });

  test('names are those of the database of zones, in its spelling', () => {
    expect(timeZoneName('europe/berlin')).toBe('Europe/Berlin');
    expect(timeZoneName('UTC')).toBe('UTC');
    for (const wrong of ['Europe/Nowhere', '+02:00', '', 'Z'.repeat(70), 'constructor']) {
      expect(timeZoneName(wrong)).toBeUndefined();
    }
  });
});

/** The local clock as `Intl` has it: no arithmetic of ours. */
class Clock {
  readonly #format: Intl.DateTimeFormat;
  constructor(timeZone: string) {
    const two = '2-digit' as const;
    const parts = { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two } as const;
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...parts });
  }

  /** `2026-08-19 13:05:00`, comparable as text. */
  local(ms: number): { readonly date: string; readonly hour: string; readonly offsetMs: number } {
    const parts = Object.fromEntries(this.#format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const { year, month, day, hour, minute, second } = parts as Record<string, string>;
    const shown = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
    return { date: `${year}-${month}-${day}`, hour: hour!, offsetMs: shown - Math.floor(ms / 1_000) * 1_000 };
  }
}

const zones = Intl.supportedValuesOf('timeZone');
const DAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
const calendarTypes = ['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY'] as const;

function checkWindow(spec: WindowSpec, instant: number, clock: Clock): void {
  try {
    lookAtWindow(spec, instant, clock);
  } catch (error) {
    throw new Error(`${JSON.stringify(spec)} at ${new Date(instant).toISOString()} (${instant})`, { cause: error });
  }
}

function lookAtWindow(spec: WindowSpec, instant: number, clock: Clock): void {
  const window = windowOf(spec, instant);
  expect(window.startMs).toBeLessThanOrEqual(instant);
  expect(window.endMs).toBeGreaterThan(instant);
  // They tile: the neighbours touch, and any instant of a window has that window.
  expect(windowOf(spec, window.startMs)).toEqual(window);
  expect(windowOf(spec, window.endMs - 1)).toEqual(window);
  expect(windowOf(spec, window.endMs).startMs).toBe(window.endMs);
  expect(windowOf(spec, window.startMs - 1).endMs).toBe(window.startMs);
  const first = clock.local(window.startMs);
  const before = clock.local(window.startMs - 1);
  if (spec.windowType === 'HOURLY') {
    expect(window.endMs - window.startMs).toBeLessThanOrEqual(HOUR);
    expect([first.date, first.hour, first.offsetMs]).not.toEqual([before.date, before.hour, before.offsetMs]);
    const last = clock.local(window.endMs - 1);
    expect([last.date, last.hour, last.offsetMs]).toEqual([first.date, first.hour, first.offsetMs]);
    return;
  }
  // The first instant of its first date: the date begins here, and was not there before.
  expect(before.date < first.date).toBe(true);
  const day = new Date(`${first.date}T00:00:00Z`);
  const previous = new Date(`${before.date}T00:00:00Z`);
  const skipped = day.getTime() - previous.getTime() > DAY;
  const starts = (date: Date): boolean =>
    spec.windowType === 'WEEKLY'
      ? DAYS[date.getUTCDay()] === (spec.weekStart ?? 'MONDAY')
      : spec.windowType === 'DAILY' ||
        (date.getUTCDate() === 1 && (spec.windowType === 'MONTHLY' || date.getUTCMonth() % 3 === 0));
  expect(starts(day) || (skipped && starts(new Date(day.getTime() - DAY)))).toBe(true);
}

describe('windows over all zones', () => {
  test('they tile the time line and begin with the first instant of their first local day or hour', () => {
    // Every zone once in each run, at random times, every type.
    const seeds = fc.sample(fc.record({ instant: instants, weekStart: fc.constantFrom(...DAYS) }), zones.length);
    for (const [i, timeZone] of zones.entries()) {
      const clock = new Clock(timeZone);
      const { instant, weekStart } = seeds[i]!;
      for (const windowType of calendarTypes) checkWindow({ windowType, timeZone, weekStart }, instant, clock);
    }
  }, 60_000);

  test('also where clocks change, in both directions', () => {
    for (const timeZone of zones.filter(
      (_name, i) =>
        i % 4 === 0 || /Lord_Howe|Apia|Cairo|St_Johns|Havana|Santiago|Troll|Casablanca|Beirut|Asuncion/.test(_name),
    )) {
      const clock = new Clock(timeZone);
      for (const change of changesOf(clock, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1))) {
        for (const instant of [change - HOUR - 1, change - 1, change, change + 1, change + HOUR, change + 2 * HOUR]) {
          checkWindow({ windowType: 'HOURLY', timeZone }, instant, clock);
          checkWindow({ windowType: 'DAILY', timeZone }, instant, clock);
        }
      }
    }
  }, 60_000);

  test('a memo gives the same windows', () => {
    const memo = new WindowMemo();
    const specs = fc.record({
      windowType: fc.constantFrom(...WINDOW_TYPES),
      windowDuration: fc.constantFrom('PT1H', 'P30D'),
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
      weekStart: fc.constantFrom(...DAYS),
    });
    fc.assert(
      fc.property(specs, instants, fc.integer({ min: -2 * DAY, max: 2 * DAY }), (spec, instant, step) => {
        for (const ms of [instant, instant + step, instant]) expect(memo.of(spec, ms)).toEqual(windowOf(spec, ms));
      }),
      { numRuns: 150 },
    );
  });
});

/** The instants at which a clock is set, found by looking every six hours and then closer. */
function changesOf(clock: Clock, fromMs: number, toMs: number): readonly number[] {
  const found: number[] = [];
  for (let ms = fromMs; ms < toMs; ms += DAY / 4) {
    if (clock.local(ms).offsetMs === clock.local(ms + DAY / 4).offsetMs) continue;
    let [low, high] = [ms, ms + DAY / 4];
    const before = clock.local(low).offsetMs;
    while (high - low > 1_000) {
      const middle = Math.floor((low + high) / 2_000) * 1_000;
      if (clock.local(middle).offsetMs === before) low = middle;
      else high = middle;
    }
    found.push(high);
  }
  return found;
}

describe('the instant by which an event counts', () => {
  test('is its request time within 25 hours before and 5 minutes after its receipt, else the receipt, flagged', () => {
    const now = at('2026-11-20T12:00:00Z');
    expect(windowTimeOf(now - 25 * HOUR, now)).toEqual({ windowTimeMs: now - 25 * HOUR, flagged: false });
    expect(windowTimeOf(now + 300_000, now)).toEqual({ windowTimeMs: now + 300_000, flagged: false });
    expect(windowTimeOf(now - 25 * HOUR - 1, now)).toEqual({ windowTimeMs: now, flagged: true });
    expect(windowTimeOf(now + 300_001, now)).toEqual({ windowTimeMs: now, flagged: true });
    expect(windowTimeOf(undefined, now)).toEqual({ windowTimeMs: now, flagged: true });
  });
});
