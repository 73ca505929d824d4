/**
 * ROLLING windows: 60 buckets and the current one. An event stays in the bucket of its time; the value is the sum of the
 * current bucket and the 60 before it, so the oldest is counted whole, and never less than the duration is covered.
 */
import { REQUEST_AGE_MAX_MS, REQUEST_AHEAD_MAX_MS, type Window } from './window.js';

/** Shorter windows would end before a feed is polled. */
export const DURATION_MIN_MS = 60_000;
const DAY_MS = 86_400_000;
/** Ten nominal years. */
export const DURATION_MAX_MS = 3_650 * DAY_MS;
const BUCKETS = 60;
/** Buckets that left the window are kept for this long: late events still find theirs, and a check its sums. */
const RETENTION_MS = REQUEST_AGE_MAX_MS + 3_600_000;

const DURATION =
  /^P(?!$)(?:([\d.,]+)Y)?(?:([\d.,]+)M)?(?:([\d.,]+)W)?(?:([\d.,]+)D)?(?:T(?!$)(?:([\d.,]+)H)?(?:([\d.,]+)M)?(?:([\d.,]+)S)?)?$/;
/** Nominal: a year is 365 days, a month 30, a day 24 hours, whatever the calendar says. */
const UNITS_MS = [365 * DAY_MS, 30 * DAY_MS, 7 * DAY_MS, DAY_MS, 3_600_000, 60_000, 1_000];

/** Milliseconds of an ISO 8601 duration, rounded up, or `undefined` where the text is none. Its last part may have a fraction. */
export function parseDuration(text: string): number | undefined {
  const parts = text.length > 64 ? null : DURATION.exec(text.toUpperCase());
  if (parts === null) return undefined;
  let totalMs = 0;
  let ended = false;
  for (const [unit, written] of parts.slice(1).entries()) {
    if (written === undefined) continue;
    if (ended || !/^\d+(?:[.,]\d+)?$/.test(written)) return undefined;
    ended = /[.,]/.test(written);
    totalMs += Number(written.replace(',', '.')) * UNITS_MS[unit]!;
  }
  return Math.ceil(totalMs);
}

/** The length of one bucket: a sixtieth of the duration, rounded up to whole milliseconds. */
export function bucketMsOf(duration: string): number {
  const durationMs = parseDuration(duration);
  if (durationMs === undefined || durationMs <= 0) throw new RangeError(`not an ISO 8601 duration: ${duration}`);
  return Math.ceil(durationMs / BUCKETS);
}

/** The bucket of an instant, counted from the epoch. */
export function bucketAt(duration: string, atMs: number): Window {
  const bucketMs = bucketMsOf(duration);
  const startMs = Math.floor(atMs / bucketMs) * bucketMs;
  return { type: 'ROLLING', startMs, endMs: startMs + bucketMs, key: `ROLLING:${duration}` };
}

/** What counts at one instant. */
export interface RollingSpan {
  /** Start of the oldest bucket that counts. */
  readonly fromMs: number;
  /** Start of the newest: an event whose clock is ahead, by as much as is believed, counts at once. */
  readonly toMs: number;
  /** Start of the current bucket. */
  readonly currentMs: number;
  readonly bucketMs: number;
  /** Start of the oldest bucket that is kept. */
  readonly keptFromMs: number;
}

/** The buckets that count at `nowMs`, which lies in `bucket`. */
export function spanOf(bucket: Window, nowMs: number): RollingSpan {
  const { startMs: currentMs, endMs } = bucket;
  const bucketMs = endMs - currentMs;
  const startOf = (atMs: number): number => Math.floor(atMs / bucketMs) * bucketMs;
  const fromMs = currentMs - BUCKETS * bucketMs;
  return {
    fromMs,
    toMs: startOf(nowMs + REQUEST_AHEAD_MAX_MS),
    currentMs,
    bucketMs,
    keptFromMs: startOf(fromMs - RETENTION_MS),
  };
}

/** From this instant on a bucket counts no more. */
export function bucketLeavesAt(span: RollingSpan, bucketStartMs: number): number {
  return bucketStartMs + (BUCKETS + 1) * span.bucketMs;
}
