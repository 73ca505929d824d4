/** Several metered events in one request (`ingest-batch`): the body, and what the answer says of each. Pure. */
import { isRecord } from '../wire/is-record.js';
import { resourceOfEvent } from './metering-url.js';
import type { OutboxEntry } from './outbox.js';
import { type DeliveryAnswer, type DeliveryVerdict, readAnswer } from './read-answer.js';

/**
 * Events of one request. The service takes 1,000; a hundred are encoded in half a millisecond, on the thread that makes
 * the caller's calls.
 */
export const BATCH_EVENTS_MAX = 100;
/** Characters of one request's body; prompts that are captured make events of 150 KB. The service takes 8 MiB. */
const BATCH_CHARS_MAX = 1024 * 1024;
/** The answer to a batch: a receipt of some 300 bytes for each event. */
export const BATCH_ANSWER_BYTES_MAX = 1024 * 1024;

/** A body, and how many of the entries are in it: as many as fit, at least one. */
export interface EncodedBatch {
  readonly body: string;
  readonly taken: number;
}

/** Puts entries into one body, oldest first. */
export function encodeBatch(entries: readonly OutboxEntry[]): EncodedBatch {
  let body = '';
  let taken = 0;
  for (const { event, idempotencyKey } of entries) {
    const type = resourceOfEvent(event);
    const item = `{"type":"${type}","idempotencyKey":${JSON.stringify(idempotencyKey)},"event":${JSON.stringify(event)}}`;
    if (taken > 0 && body.length + item.length > BATCH_CHARS_MAX) break;
    body += taken === 0 ? `[${item}` : `,${item}`;
    taken += 1;
  }
  return { body: `${body}]`, taken };
}

/**
 * What an answer to a batch says of each of its `count` events, in order, as if each had been sent alone; `undefined`
 * where it is not an answer of that form, and nothing is known of any of them.
 */
export function readBatchResults(body: string, count: number, nowMs: number): readonly DeliveryVerdict[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const results = isRecord(value) ? value['results'] : undefined;
  if (!Array.isArray(results) || results.length !== count) return undefined;
  const verdicts: DeliveryVerdict[] = [];
  for (const result of results) {
    const status: unknown = isRecord(result) ? result['status'] : undefined;
    if (typeof status !== 'number' || !Number.isInteger(status)) return undefined;
    verdicts.push(readAnswer(answerOf(status, (result as Record<string, unknown>)['body']), nowMs));
  }
  return verdicts;
}

/** The route is not there, or does not understand what it is sent: the events go one by one. */
export function isRefusedRoute(answer: DeliveryAnswer): boolean {
  if (answer.kind === 'none' || answer.status < 400 || answer.status >= 500) return false;
  // A key that is refused, a service that is busy, a body that is too long: these say nothing about the route.
  return ![401, 403, 408, 409, 413, 425, 429].includes(answer.status);
}

function answerOf(status: number, body: unknown): DeliveryAnswer {
  const text = status >= 200 && status < 300 ? '' : typeof body === 'string' ? body : (JSON.stringify(body) ?? '');
  return { kind: 'answer', status, headers: {}, body: text };
}
