/** What windows need to know of a time zone: its days and its hours. */
import { Temporal } from 'temporal-polyfill';

/** Days are written as the UTC midnight of the same date. */
export interface Zone {
  /** The local date at an instant. */
  dayOf(atMs: number): number;
  /** The first instant of a local date; of a date that the zone skipped, that of the next one. */
  startOf(dayMs: number): number;
  /** The hour of the local clock around an instant; shorter where the clock is set within it. */
  hourOf(atMs: number): { readonly startMs: number; readonly endMs: number; readonly label: string };
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const UTC: Zone = {
  dayOf: (atMs) => Math.floor(atMs / DAY_MS) * DAY_MS,
  startOf: (dayMs) => dayMs,
  hourOf(atMs) {
    const startMs = Math.floor(atMs / HOUR_MS) * HOUR_MS;
    return { startMs, endMs: startMs + HOUR_MS, label: hourLabel(startMs, 0) };
  },
};

/** The zone of an IANA name. Throws a RangeError where there is none; see {@link timeZoneName}. */
export function zoneOf(name: string): Zone {
  if (name === 'UTC') return UTC;
  const offsetAt = (atMs: number): number =>
    Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(name).offsetNanoseconds / 1e6;
  return {
    dayOf: (atMs) => UTC.dayOf(atMs + offsetAt(atMs)),
    startOf(dayMs) {
      const day = new Date(dayMs);
      const [year, month, date] = [day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate()];
      return new Temporal.PlainDate(year, month, date).toZonedDateTime(name).epochMilliseconds;
    },
    hourOf(atMs) {
      const offset = offsetAt(atMs);
      const localStart = Math.floor((atMs + offset) / HOUR_MS) * HOUR_MS;
      // Within these bounds the offset may be another one: then the clock was set there, and an hour ends.
      const startMs = offsetBegins(offsetAt, localStart - offset, atMs);
      const endMs = offsetEnds(offsetAt, atMs, localStart - offset + HOUR_MS);
      return { startMs, endMs, label: hourLabel(localStart, offset) };
    },
  };
}

/** The name as it is spelled in the database of zones, or `undefined` where it has none: offsets are no zones. */
export function timeZoneName(name: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return undefined;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId;
  } catch {
    return undefined;
  }
}

/** The earliest instant from `fromMs` on since which the offset is that of `atMs`. No clock is set twice in an hour. */
function offsetBegins(offsetAt: (atMs: number) => number, fromMs: number, atMs: number): number {
  const offset = offsetAt(atMs);
  if (offsetAt(fromMs) === offset) return fromMs;
  let [other, same] = [fromMs, atMs];
  while (same - other > 1) {
    const middle = Math.floor((other + same) / 2);
    if (offsetAt(middle) === offset) same = middle;
    else other = middle;
  }
  return same;
}

/** The first instant after `atMs` with another offset, at the latest `toMs`. */
function offsetEnds(offsetAt: (atMs: number) => number, atMs: number, toMs: number): number {
  const offset = offsetAt(atMs);
  if (offsetAt(toMs - 1) === offset) return toMs;
  let [same, other] = [atMs, toMs - 1];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (offsetAt(middle) === offset) same = middle;
    else other = middle;
  }
  return other;
}

/** `2026-08-19T13+02:00`: with the offset, since an hour of the local clock can come twice. */
function hourLabel(localStartMs: number, offsetMs: number): string {
  const sign = offsetMs < 0 ? '-' : '+';
  const offset = new Date(Math.abs(offsetMs)).toISOString();
  const seconds = offset.slice(17, 19) === '00' ? '' : offset.slice(16, 19);
  return `${new Date(localStartMs).toISOString().slice(0, 13)}${sign}${offset.slice(11, 16)}${seconds}`;
}
