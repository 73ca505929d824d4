/** The operators' bypass in the feed: our extension of the envelope. */
import { readText, readTimeMs } from './feed-values.js';
import { isRecord } from './is-record.js';

/** Enforcement is switched off by the operators of the service, for every process, until a time. */
export interface OperatorBypass {
  /** Milliseconds since the epoch; it is over from then on. */
  readonly untilMs: number;
  readonly reason?: string;
  readonly by?: string;
  /** Milliseconds since the epoch. */
  readonly sinceMs?: number;
}

/** The latest time that a Date can hold, milliseconds (ECMA-262, 21.4.1.1). */
const DATE_MAX_MS = 8.64e15;

/** What the member says; `none` where it is absent, `malformed` where it means nothing: then it is ignored. */
export type BypassReading = OperatorBypass | 'none' | 'malformed';

/** Reads the member `bypass`. A bypass without an end is none: nobody would notice that it is still on. */
export function readBypass(raw: unknown): BypassReading {
  if (raw === undefined || raw === null) return 'none';
  if (!isRecord(raw)) return 'malformed';
  const untilMs = typeof raw['until'] === 'string' ? readTimeMs(raw['until']) : undefined;
  if (untilMs === undefined || Math.abs(untilMs) > DATE_MAX_MS) return 'malformed';
  const reason = readText(raw['reason']);
  const by = readText(raw['by']);
  const since = readTimeMs(raw['since']);
  const sinceMs = since === undefined || Math.abs(since) > DATE_MAX_MS ? undefined : since;
  return {
    untilMs,
    ...(reason === undefined ? {} : { reason }),
    ...(by === undefined ? {} : { by }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  };
}

/** The member as it travels, and as a mirror keeps it. */
export function formatBypass(bypass: OperatorBypass): Readonly<Record<string, string>> {
  const { untilMs, sinceMs, reason, by } = bypass;
  return {
    until: new Date(untilMs).toISOString(),
    ...(reason === undefined ? {} : { reason }),
    ...(by === undefined ? {} : { by }),
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
  };
}
