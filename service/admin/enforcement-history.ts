/** A history of enforcement events in buckets of a time zone. Pure. */
import { calendarWindow } from '../ledger/calendar-windows.js';
import { ENFORCEMENT_OUTCOMES } from '../ledger/enforcement-log.js';
import { type EnforcementSlot, SLOT_MS } from '../ledger/enforcement-reading.js';
import type { Window } from '../ledger/windows.js';

/** The buckets that there are. */
export const BUCKETS = ['HOUR', 'DAY', 'WEEK'] as const;
/** One of {@link BUCKETS}. Weeks begin on Monday. */
export type Bucket = (typeof BUCKETS)[number];

/** What happened in one bucket. `end` is the start of the next one and does not belong to it. */
export interface HistoryBucket {
  readonly start: string;
  readonly end: string;
  /** For people: the date, hour or week in the zone, as windows are labelled. */
  readonly label: string;
  readonly events: number;
  readonly byOutcome: Record<string, number>;
  /** Calls that clients refused. */
  readonly refusedCalls: number;
}

const TYPES = { HOUR: 'HOURLY', DAY: 'DAILY', WEEK: 'WEEKLY' } as const;
/**
 * Puts slots, oldest first, into the hours, days or weeks of a zone, as its clocks go: a day has 23 to 25 hours, an hour
 * that comes twice is two. A bucket that is absent had no events.
 */
export function historyOf(slots: readonly EnforcementSlot[], bucket: Bucket, zone: string): readonly HistoryBucket[] {
  const buckets: HistoryBucket[] = [];
  let window: Window | undefined;
  for (const slot of slots) {
    const atMs = slot.slot * SLOT_MS;
    const isNew = window === undefined || atMs >= window.endMs;
    if (window === undefined || isNew) window = calendarWindow(TYPES[bucket], zone, 'MONDAY', atMs);
    const last = isNew ? emptyBucket(window) : buckets.pop()!;
    buckets.push(withSlot(last, slot));
  }
  return buckets;
}

/** How many events of each outcome there are. */
export function byOutcome(counts: readonly Pick<EnforcementSlot, 'kind' | 'events'>[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { kind, events } of counts) {
    const outcome = ENFORCEMENT_OUTCOMES[kind];
    sums.set(outcome, (sums.get(outcome) ?? 0) + events);
  }
  return Object.fromEntries(sums);
}

function emptyBucket(window: Window): HistoryBucket {
  const [start, end] = [new Date(window.startMs).toISOString(), new Date(window.endMs).toISOString()];
  const label = window.key.slice(window.key.indexOf(':') + 1);
  return { start, end, label, events: 0, byOutcome: {}, refusedCalls: 0 };
}

function withSlot(bucket: HistoryBucket, slot: EnforcementSlot): HistoryBucket {
  const outcome = ENFORCEMENT_OUTCOMES[slot.kind];
  return {
    ...bucket,
    events: bucket.events + slot.events,
    byOutcome: { ...bucket.byOutcome, [outcome]: (bucket.byOutcome[outcome] ?? 0) + slot.events },
    refusedCalls: bucket.refusedCalls + (slot.kind === 'refusal' ? slot.times : 0),
  };
}
