/** What the fake service takes in: usage events and tool events, singly and in batches, and reports of refused calls. */
import { isRecord } from '../wire/is-record.js';
import type { FakeAnswer } from './fake-feed.js';

type Json = Readonly<Record<string, unknown>>;

const TOOL_EVENTS = 'tool/events';
const ITEMS_MAX = 1_000;
const REFUSALS_MAX = 500;

/** Takes each event once by transaction id and by Idempotency-Key, and each report once by its id. */
export class FakeIngest {
  readonly events: Json[] = [];
  readonly toolEvents: Json[] = [];
  readonly refusals: Json[] = [];
  readonly #transactionIds = new Set<string>();
  readonly #refusalIds = new Set<string>();
  readonly #answersByKey = new Map<string, { readonly body: string; readonly answer: FakeAnswer }>();
  readonly #onUsage: (event: Json) => void;

  /** `onUsage` sees each usage event once. */
  constructor(onUsage: (event: Json) => void = () => {}) {
    this.#onUsage = onUsage;
  }

  /** One event of a type of contract 5.1, such as `ai/completions` or `tool/events`. */
  take(body: string, key: string, type = 'ai/completions'): FakeAnswer {
    const kept = this.#answersByKey.get(key);
    if (key !== '' && kept !== undefined) {
      return kept.body === body ? kept.answer : { status: 409, body: { error: 'idempotency_key_mismatch' } };
    }
    const event = parse(body);
    if (!isRecord(event)) return { status: 400, body: { message: 'the body is not a JSON object' } };
    const missing = missingIn(event, type);
    if (missing !== undefined) return { status: 400, body: { [missing]: `${missing} is required` } };
    const transactionId =
      typeof event['transactionId'] === 'string' ? event['transactionId'] : `fake-${this.#transactionIds.size}`;
    if (!this.#transactionIds.has(transactionId)) {
      this.#transactionIds.add(transactionId);
      (type === TOOL_EVENTS ? this.toolEvents : this.events).push(event);
      if (type !== TOOL_EVENTS) this.#onUsage(event);
    }
    const answer: FakeAnswer = {
      status: 201,
      body: { id: `mtr_${transactionId}`, label: transactionId, resourceType: 'metering', signature: '', _links: {} },
    };
    if (key !== '') this.#answersByKey.set(key, { body, answer });
    return answer;
  }

  /** Several events: a JSON list, or one item a line. An answer for each, in order. */
  takeBatch(body: string, contentType: string): FakeAnswer {
    const isLines = contentType.includes('ndjson');
    const items = isLines
      ? body
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map(parse)
      : parse(body);
    if (!Array.isArray(items)) return { status: 400, body: { message: 'the body is not a list' } };
    if (items.length > ITEMS_MAX) return { status: 413, body: { message: 'too many', details: { items: ITEMS_MAX } } };
    const results = items.map((item: unknown) => {
      if (!isRecord(item) || !isRecord(item['event'])) return { status: 400, body: { message: 'not an item' } };
      const key = typeof item['idempotencyKey'] === 'string' ? item['idempotencyKey'] : '';
      const type = typeof item['type'] === 'string' ? item['type'] : 'ai/completions';
      const { status, body: receipt } = this.take(JSON.stringify(item['event']), key, type);
      return { status, body: receipt };
    });
    return { status: 200, body: isLines ? results.map((result) => JSON.stringify(result)).join('\n') : { results } };
  }

  /** Reports of refused calls. */
  takeRefusals(body: string): FakeAnswer {
    const value = parse(body);
    const refusals = isRecord(value) ? value['refusals'] : undefined;
    if (!Array.isArray(refusals) || !refusals.every(isReport)) {
      return { status: 400, body: { refusals: 'refusals is not a list of reports' } };
    }
    if (refusals.length > REFUSALS_MAX) return { status: 413, body: { message: 'too many' } };
    const fresh = refusals.filter((refusal) => !this.#refusalIds.has(String(refusal['id'])));
    for (const refusal of fresh) {
      this.#refusalIds.add(String(refusal['id']));
      this.refusals.push(refusal);
    }
    return { status: 202, body: { accepted: fresh.length } };
  }
}

/** The first field that an event of this type must have and has not. */
function missingIn(event: Json, type: string): string | undefined {
  if (type !== TOOL_EVENTS) return typeof event['model'] === 'string' ? undefined : 'model';
  if (typeof event['toolId'] !== 'string') return 'toolId';
  if (!Number.isInteger(event['durationMs'])) return 'durationMs';
  return typeof event['timestamp'] === 'string' ? undefined : 'timestamp';
}

function isReport(value: unknown): value is Json {
  return isRecord(value) && typeof value['id'] === 'string' && Number.isInteger(value['ruleId']);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
