/** Calendar windows in UTC, weeks from ISO Monday. Pure: an instant in, a window out. */
import type { WindowType } from 'fusewire/internal';

/** A calendar period, identified by its start. `endMs` is the start of the next one and does not belong to it. */
export interface Window {
  readonly type: WindowType;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /** For people and for the feed: `DAILY:2026-08-19`, `WEEKLY:2026-W47`, `MONTHLY:2026-11`, `QUARTERLY:2026-Q4`. */
  readonly key: string;
}

/** Every window type, shortest first. */
export const WINDOW_TYPES = ['DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY'] as const satisfies readonly WindowType[];

const DAY_MS = 86_400_000;
/** An event is counted by its own request time if that lies at most this far before its receipt (DESIGN section 6). */
const REQUEST_AGE_MAX_MS = 25 * 3_600_000;
/** … or at most this far after it: clocks differ. */
const REQUEST_AHEAD_MAX_MS = 5 * 60_000;

/** The window of `type` that contains the instant `atMs`. */
export function windowOf(type: WindowType, atMs: number): Window {
  const at = new Date(atMs);
  const year = at.getUTCFullYear();
  const month = at.getUTCMonth();
  switch (type) {
    case 'DAILY': {
      const startMs = startOfDay(atMs);
      return { type, startMs, endMs: startMs + DAY_MS, key: `DAILY:${new Date(startMs).toISOString().slice(0, 10)}` };
    }
    case 'WEEKLY': {
      const startMs = startOfDay(atMs) - daysSinceMonday(atMs) * DAY_MS;
      return { type, startMs, endMs: startMs + 7 * DAY_MS, key: `WEEKLY:${isoWeek(startMs)}` };
    }
    case 'MONTHLY': {
      const key = `MONTHLY:${year}-${twoDigits(month + 1)}`;
      return { type, startMs: Date.UTC(year, month, 1), endMs: Date.UTC(year, month + 1, 1), key };
    }
    case 'QUARTERLY': {
      const quarter = Math.floor(month / 3);
      const startMs = Date.UTC(year, quarter * 3, 1);
      return { type, startMs, endMs: Date.UTC(year, quarter * 3 + 3, 1), key: `QUARTERLY:${year}-Q${quarter + 1}` };
    }
  }
}

/** Remembers the last window of each type: the key of a window is text, and dear to make for every event and control. */
export class WindowMemo {
  readonly #last = new Map<WindowType, Window>();

  /** As {@link windowOf}. */
  of(type: WindowType, atMs: number): Window {
    const last = this.#last.get(type);
    if (last !== undefined && atMs >= last.startMs && atMs < last.endMs) return last;
    const window = windowOf(type, atMs);
    this.#last.set(type, window);
    return window;
  }
}

/** When the next window of any type begins: every window ends at a UTC midnight. */
export function nextWindowTurnMs(nowMs: number): number {
  return startOfDay(nowMs) + DAY_MS;
}

/** The instant by which an event is counted. `flagged`: its own request time was missing or out of bounds. */
export function windowTimeOf(
  requestTimeMs: number | undefined,
  receivedAtMs: number,
): { readonly windowTimeMs: number; readonly flagged: boolean } {
  const usable =
    requestTimeMs !== undefined &&
    requestTimeMs >= receivedAtMs - REQUEST_AGE_MAX_MS &&
    requestTimeMs <= receivedAtMs + REQUEST_AHEAD_MAX_MS;
  return usable ? { windowTimeMs: requestTimeMs, flagged: false } : { windowTimeMs: receivedAtMs, flagged: true };
}

function startOfDay(atMs: number): number {
  return Math.floor(atMs / DAY_MS) * DAY_MS;
}

/** 1 January 1970 was a Thursday, three days after Monday. */
function daysSinceMonday(atMs: number): number {
  const day = Math.floor(atMs / DAY_MS) + 3;
  return ((day % 7) + 7) % 7;
}

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(mondayMs: number): string {
  const thursday = new Date(mondayMs + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1;
  return `${year}-W${twoDigits(week)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
