/** Calendar windows in a time zone. A window begins with the first instant of its first local day or hour. */
import type { WeekDay } from 'fusewire/internal';
import { zoneOf } from './time-zone.js';
import type { Window } from './window.js';

/** The types that follow a calendar. */
export type CalendarType = 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'QUARTERLY';

/** As `Date` counts the days of a week. */
const WEEK_DAYS = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;
const DAY_MS = 86_400_000;

/**
 * The window of a calendar type that contains the instant `atMs`. Where clocks are set back over midnight, the hour
 * that comes twice belongs to the day that had begun; a day that a zone skipped has no window.
 */
export function calendarWindow(type: CalendarType, timeZone: string, weekStart: WeekDay, atMs: number): Window {
  const zone = zoneOf(timeZone);
  if (type === 'HOURLY') {
    const { startMs, endMs, label } = zone.hourOf(atMs);
    return { type, startMs, endMs, key: `HOURLY:${label}` };
  }
  let firstDay = firstDayOf(type, weekStart, zone.dayOf(atMs));
  let startMs = zone.startOf(firstDay);
  for (;;) {
    const nextDay = nextFirstDay(type, firstDay);
    const endMs = zone.startOf(nextDay);
    if (atMs < endMs) return { type, startMs, endMs, key: `${type}:${labelOf(type, weekStart, firstDay)}` };
    firstDay = nextDay;
    startMs = endMs;
  }
}

// Local days are written as the UTC midnight of the same date: arithmetic on them knows no zone.

function firstDayOf(type: Exclude<CalendarType, 'HOURLY'>, weekStart: WeekDay, dayMs: number): number {
  const day = new Date(dayMs);
  const year = day.getUTCFullYear();
  const month = day.getUTCMonth();
  switch (type) {
    case 'DAILY':
      return dayMs;
    case 'WEEKLY':
      return dayMs - ((day.getUTCDay() - WEEK_DAYS.indexOf(weekStart) + 7) % 7) * DAY_MS;
    case 'MONTHLY':
      return Date.UTC(year, month, 1);
    case 'QUARTERLY':
      return Date.UTC(year, month - (month % 3), 1);
  }
}

function nextFirstDay(type: Exclude<CalendarType, 'HOURLY'>, firstDayMs: number): number {
  if (type === 'DAILY') return firstDayMs + DAY_MS;
  if (type === 'WEEKLY') return firstDayMs + 7 * DAY_MS;
  const first = new Date(firstDayMs);
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + (type === 'MONTHLY' ? 1 : 3), 1);
}

function labelOf(type: Exclude<CalendarType, 'HOURLY'>, weekStart: WeekDay, firstDayMs: number): string {
  const date = new Date(firstDayMs).toISOString();
  if (type === 'MONTHLY') return date.slice(0, 7);
  if (type === 'QUARTERLY') return `${date.slice(0, 4)}-Q${Math.floor(new Date(firstDayMs).getUTCMonth() / 3) + 1}`;
  return type === 'WEEKLY' && weekStart === 'MONDAY' ? isoWeek(firstDayMs) : date.slice(0, 10);
}

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(mondayMs: number): string {
  const thursday = new Date(mondayMs + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
