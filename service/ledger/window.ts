/** What a window is, and which instant of an event decides its window. */
import type { WeekDay, WindowType } from 'fusewire/internal';

/** What a control says about its windows; a whole control is one. */
export interface WindowSpec {
  readonly windowType: WindowType;
  /** ISO 8601, for ROLLING only. */
  readonly windowDuration?: string | null;
  /** IANA name; UTC where it is left out. */
  readonly timeZone?: string;
  /** The first day of WEEKLY windows; Monday where it is left out. */
  readonly weekStart?: WeekDay;
}

/**
 * A period in which events are counted together, identified by its start. `endMs` is the start of the next one and does
 * not belong to it.
 */
export interface Window {
  readonly type: WindowType;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  /**
   * For people and for the feed: `HOURLY:2026-08-19T13+02:00`, `DAILY:2026-08-19`, `WEEKLY:2026-W47` (by its first day
   * where weeks do not begin on Monday), `MONTHLY:2026-11`, `QUARTERLY:2026-Q4`, `ROLLING:PT24H`, `LIFETIME`.
   */
  readonly key: string;
}

/** The end of windows that never end: still a date for every reader of ISO 8601. */
export const NEVER_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** An event is counted by its own request time if that lies at most this far before its receipt (DESIGN section 6). */
export const REQUEST_AGE_MAX_MS = 25 * 3_600_000;
/** … or at most this far after it: clocks differ. */
export const REQUEST_AHEAD_MAX_MS = 5 * 60_000;

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
