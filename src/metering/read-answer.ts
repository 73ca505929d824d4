/** What an answer of the service means for the event that was sent (contract 5.2). Pure. */
import { parseRetryAfter } from '../../cache/retry-after.js';

/** An answer, or that there was none. */
export type DeliveryAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      /** The beginning of the body, where the status is not 2xx. */
      readonly body: string;
    }
  | { readonly kind: 'none'; readonly reason: string };

/** The meaning. */
export type DeliveryVerdict =
  | { readonly outcome: 'accepted'; readonly revision?: number }
  /** The key is refused (401, 403). It may be rotated or not known yet: the event is kept (I9). */
  | { readonly outcome: 'unauthorized'; readonly reason: string }
  | {
      readonly outcome: 'retryable';
      readonly reason: string;
      /** Whether another try at once makes sense. */
      readonly atOnce: boolean;
      /** Whether the event is kept when the tries at once are used up. */
      readonly keep: boolean;
      /** What the service asks for, at most 60 s. */
      readonly afterMs?: number;
    }
  | { readonly outcome: 'rejected'; readonly reason: string };

const RETRY_AFTER_MAX_MS = 60_000;
const REASON_MAX = 500;

/** Reads an answer. `nowMs` is the wall clock, for a Retry-After that is a date. */
export function readAnswer(answer: DeliveryAnswer, nowMs: number): DeliveryVerdict {
  if (answer.kind === 'none') return { outcome: 'retryable', reason: answer.reason, atOnce: true, keep: true };
  const { status, headers, body } = answer;
  if (status >= 200 && status < 300) {
    // A wrong address or somebody's login page, not an answer of the service: taken for one, every event would be lost.
    if (/^\s*text\/html/i.test(text(headers['content-type']) ?? '')) {
      return { outcome: 'retryable', reason: `HTTP ${status} with a web page`, atOnce: false, keep: true };
    }
    const revision = readRevision(headers['fusewire-revision']);
    return { outcome: 'accepted', ...(revision === undefined ? {} : { revision }) };
  }
  const reason = `HTTP ${status} ${body}`.trim().slice(0, REASON_MAX);
  if (status === 401 || status === 403) return { outcome: 'unauthorized', reason };
  const askedMs = parseRetryAfter(headers['retry-after'], nowMs);
  const wait = askedMs === undefined ? {} : { afterMs: Math.min(askedMs, RETRY_AFTER_MAX_MS) };
  // The key was used for another body: the service has an event of this attempt, a second one would count it twice.
  if (status === 409 && body.includes('idempotency_key_mismatch')) return { outcome: 'rejected', reason };
  const shouldRetry = text(headers['x-should-retry'])?.trim().toLowerCase();
  if (shouldRetry === 'true') return { outcome: 'retryable', reason, atOnce: true, keep: true, ...wait };
  if (shouldRetry === 'false') return { outcome: 'rejected', reason };
  const isTransient = status === 408 || status === 429 || status >= 500;
  const atOnce = isTransient || status === 409;
  const isInProgress = status === 409 && body.includes('idempotency_key_in_progress');
  // A redirect is a wrong address or somebody's captive portal, not an answer of the service.
  const isElsewhere = status < 400;
  const keep = isTransient || isInProgress || isElsewhere || askedMs !== undefined;
  return atOnce || keep ? { outcome: 'retryable', reason, atOnce, keep, ...wait } : { outcome: 'rejected', reason };
}

function readRevision(value: string | string[] | undefined): number | undefined {
  const digits = text(value)?.trim() ?? '';
  const revision = Number(digits);
  return /^\d+$/.test(digits) && Number.isSafeInteger(revision) ? revision : undefined;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
