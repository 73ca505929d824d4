/** From when until when: two texts and a time zone become two instants. Pure. */
import { type FieldProblem, invalidFields } from '../http/api-error.js';
import { timeZoneName, type Zone, zoneOf } from '../ledger/time-zone.js';

/** A range as a person writes it. */
export interface WrittenRange {
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly timeZone?: string | undefined;
}

/** From `startMs` on and before `endMs`. */
export interface UsageRange {
  readonly startMs: number;
  readonly endMs: number;
  readonly timeZone: string;
  readonly zone: Zone;
}

/** A day is written as the UTC midnight of the same date. */
type Moment = { readonly kind: 'day'; readonly dayMs: number } | { readonly kind: 'instant'; readonly atMs: number };

const DAY_MS = 86_400_000;
/** Nothing was metered before; nor will it after the last year that ISO 8601 writes without a sign, which people write for "ever". */
const FIRST_MS = 0;
const LAST_MS = Date.UTC(10_000, 0) - 1;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;
const EXAMPLES = 'must be a date like 2026-11-30, or a full instant like 2026-11-30T10:00:00Z';

/**
 * Reads a range. A date is the whole of its day in the zone, so that the day of `end` is in it; an instant is itself, and
 * the range ends right before it; both lie between 1970 and the end of 9999. Without `start` it begins with the month of its end, without `end` it ends with the
 * current month. @throws ApiError 400
 */
export function readRange({ start, end, timeZone = 'UTC' }: WrittenRange, nowMs: number): UsageRange {
  const problems: FieldProblem[] = [];
  const name = timeZoneName(timeZone);
  if (name === undefined) {
    problems.push({ field: 'timeZone', problem: `there is no zone '${timeZone}'; write one like Europe/Berlin` });
  }
  const first = readMoment('start', start, problems);
  const last = readMoment('end', end, problems);
  if (problems.length > 0 || name === undefined) throw invalidFields(problems);
  const zone = zoneOf(name);
  const endMs = within(last === undefined ? zone.startOf(monthOf(zone.dayOf(nowMs), 1)) : endOf(last, zone));
  const startMs = within(first === undefined ? monthStart(last, zone, nowMs) : startOf(first, zone));
  if (endMs <= startMs) {
    const range = `${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}`;
    throw invalidFields([{ field: 'end', problem: `must not be before start: nothing lies in ${range}` }]);
  }
  return { startMs, endMs, timeZone: name, zone };
}

function readMoment(field: string, text: string | undefined, problems: FieldProblem[]): Moment | undefined {
  if (text === undefined) return undefined;
  // A plus that nobody encoded comes as a space.
  const written = text.trim().replace(/ (?=\d{2}:\d{2}$)/, '+');
  if (DATE.test(written)) {
    const dayMs = Date.parse(`${written}T00:00:00Z`);
    if (!Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(written)) return { kind: 'day', dayMs };
    problems.push({ field, problem: `${written} is no day of the calendar` });
    return undefined;
  }
  const atMs = INSTANT.test(written) ? Date.parse(written) : Number.NaN;
  if (!Number.isNaN(atMs)) return { kind: 'instant', atMs };
  problems.push({ field, problem: EXAMPLES });
  return undefined;
}

function within(atMs: number): number {
  return Math.min(LAST_MS, Math.max(FIRST_MS, atMs));
}

function startOf(moment: Moment, zone: Zone): number {
  return moment.kind === 'day' ? zone.startOf(moment.dayMs) : moment.atMs;
}

function endOf(moment: Moment, zone: Zone): number {
  return moment.kind === 'day' ? zone.startOf(moment.dayMs + DAY_MS) : moment.atMs;
}

function monthStart(last: Moment | undefined, zone: Zone, nowMs: number): number {
  if (last === undefined) return zone.startOf(monthOf(zone.dayOf(nowMs), 0));
  return zone.startOf(monthOf(last.kind === 'day' ? last.dayMs : zone.dayOf(last.atMs - 1), 0));
}

/** The first day of the month of a day, or of one after it. */
function monthOf(dayMs: number, later: 0 | 1): number {
  const day = new Date(dayMs);
  return Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + later, 1);
}
