/** The days of a range, as runs that a database can count by division: it knows no time zones. Pure. */
import type { Zone } from '../ledger/time-zone.js';

/** Days one after the other, each of 24 hours; or one day of another length, as when clocks are set. */
export interface DayRun {
  readonly fromMs: number;
  readonly untilMs: number;
  /** The first instant of the first day, which may lie before `fromMs`. */
  readonly originMs: number;
  /** The first day, as the UTC midnight of the same date. */
  readonly firstDayMs: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** The runs from `startMs` on and before `endMs`, in order, without a gap. The same days as those of DAILY windows. */
export function dayRuns(zone: Zone, startMs: number, endMs: number): readonly DayRun[] {
  const runs: DayRun[] = [];
  let dayMs = zone.dayOf(startMs);
  let originMs = zone.startOf(dayMs);
  while (originMs < endMs) {
    const nextMs = zone.startOf(dayMs + DAY_MS);
    // A day before the range, or one that the zone skipped, has nothing in it.
    if (nextMs > startMs && nextMs > originMs) addDay(runs, { dayMs, originMs, nextMs }, startMs, endMs);
    dayMs += DAY_MS;
    originMs = nextMs;
  }
  return runs;
}

/** The date of the day with this index in its run: `2026-03-29`. */
export function dateOf({ firstDayMs, days }: DayRun, index: number): string {
  return new Date(firstDayMs + Math.min(index, days - 1) * DAY_MS).toISOString().slice(0, 10);
}

function addDay(
  runs: DayRun[],
  day: { readonly dayMs: number; readonly originMs: number; readonly nextMs: number },
  startMs: number,
  endMs: number,
): void {
  const { dayMs, originMs, nextMs } = day;
  const untilMs = Math.min(nextMs, endMs);
  const run = runs.at(-1);
  const isWhole = nextMs - originMs === DAY_MS;
  if (run !== undefined && isWhole && continues(run, dayMs, originMs)) {
    runs[runs.length - 1] = { ...run, untilMs, days: run.days + 1 };
  } else {
    runs.push({ fromMs: Math.max(originMs, startMs), untilMs, originMs, firstDayMs: dayMs, days: 1 });
  }
}

function continues({ originMs, firstDayMs, days }: DayRun, dayMs: number, dayStartMs: number): boolean {
  return originMs + days * DAY_MS === dayStartMs && firstDayMs + days * DAY_MS === dayMs;
}
