/** Reads what an answer of Perplexity says of its usage; what it has in common with OpenAI's shapes is read by their readers. */
import type { UsageReader, UsageReading } from './adapter.js';
import { type PerplexityUsage, readPerplexityUsage } from './perplexity-usage.js';
import { recordOf, textOf } from './values.js';

/**
 * Chat, agent and embeddings. Every chunk of a chat stream repeats the usage as it stands, with a cost of 0 until the
 * last one. The last one counts; what a stream that was cut said of itself is the least that it came to.
 */
export class PerplexityReader implements UsageReader {
  readonly #inner: UsageReader;
  readonly #streaming: boolean;
  #usage: PerplexityUsage | undefined;
  #asksForTool = false;

  /** `inner` reads the shape that Perplexity shares with OpenAI. */
  constructor(inner: UsageReader, streaming: boolean) {
    this.#inner = inner;
    this.#streaming = streaming;
  }

  whole(body: unknown): void {
    this.#inner.whole(withoutDeltas(body));
    this.#take(body);
  }

  chunk(data: unknown): void {
    this.#inner.chunk(data);
    const event = recordOf(data);
    this.#take(event?.['response'] ?? event);
  }

  reading(): UsageReading {
    const inner = this.#inner.reading();
    const usage = this.#usage;
    const stopReason = this.#asksForTool ? 'END_SEQUENCE' : inner.stopReason;
    if (usage === undefined) return { ...inner, stopReason };
    const attributes = { ...inner.attributes, ...usage.attributes };
    // A running count and a running cost of 0 are no last word.
    if (this.#streaming && !inner.finished) {
      return { ...inner, attributes, isPartial: inner.inputTokens !== undefined, totalCostUsd: undefined };
    }
    return {
      ...inner,
      stopReason,
      reasoningTokens: usage.reasoningTokens ?? inner.reasoningTokens,
      cacheReadTokens: usage.cacheReadTokens ?? inner.cacheReadTokens,
      cacheWriteTokens: usage.cacheWriteTokens ?? inner.cacheWriteTokens,
      totalCostUsd: usage.totalCostUsd,
      attributes,
    };
  }

  #take(body: unknown): void {
    const answer = recordOf(body);
    if (answer === undefined) return;
    this.#usage = readPerplexityUsage(answer['usage']) ?? this.#usage;
    if (answer['status'] === 'requires_action') this.#asksForTool = true;
  }
}

/** A whole answer has a `delta` too, an empty one, beside the message. */
function withoutDeltas(body: unknown): unknown {
  const answer = recordOf(body);
  const choices = answer?.['choices'];
  if (answer === undefined || !Array.isArray(choices)) return body;
  const bare = choices.map((choice: unknown) => {
    const record = recordOf(choice);
    return record?.['message'] === undefined ? choice : { ...record, delta: undefined };
  });
  return { ...answer, choices: bare };
}

/** A search: billed by the request, whatever it finds; it has no tokens (Perplexity's price list). */
export class SearchReader implements UsageReader {
  #id: string | undefined;
  #results: number | undefined;

  whole(body: unknown): void {
    const answer = recordOf(body);
    const results = answer?.['results'];
    this.#id = textOf(answer?.['id']);
    if (Array.isArray(results)) this.#results = results.length;
  }

  chunk(data: unknown): void {
    this.whole(data);
  }

  reading(): UsageReading {
    const results = this.#results;
    const head = { finished: results !== undefined, outputText: '', ...(this.#id ? { responseId: this.#id } : {}) };
    if (results === undefined) return head;
    return { ...head, inputTokens: 0, outputTokens: 0, totalTokens: 0, attributes: { searchResults: results } };
  }
}

const ASYNC_AT_WORK = new Set(['CREATED', 'IN_PROGRESS']);

/** A chat completion that is made in the background: `pending` until its end is read. */
export class AsyncChatReader implements UsageReader {
  readonly #inner: PerplexityReader;
  #id: string | undefined;
  #model: string | undefined;
  #status: string | undefined;
  #error: string | undefined;

  constructor(inner: PerplexityReader) {
    this.#inner = inner;
  }

  whole(body: unknown): void {
    const answer = recordOf(body);
    if (answer === undefined) return;
    this.#id = textOf(answer['id']);
    this.#model = textOf(answer['model']);
    this.#status = textOf(answer['status'])?.toUpperCase();
    this.#error = textOf(answer['error_message']);
    if (recordOf(answer['response']) !== undefined) this.#inner.whole(answer['response']);
  }

  chunk(data: unknown): void {
    this.whole(data);
  }

  reading(): UsageReading {
    const { responseId: completionId, ...inner } = this.#inner.reading();
    const failed = this.#status === 'FAILED';
    const model = inner.model ?? this.#model;
    const attributes = {
      ...inner.attributes,
      ...(completionId === undefined ? {} : { completionId }),
      ...(failed && this.#error !== undefined ? { asyncError: this.#error.slice(0, ERROR_MAX) } : {}),
    };
    return {
      ...inner,
      ...(this.#id === undefined ? {} : { responseId: this.#id }),
      ...(model === undefined ? {} : { model }),
      ...(failed ? { stopReason: 'ERROR' as const } : {}),
      attributes,
      pending: this.#status !== undefined && ASYNC_AT_WORK.has(this.#status),
      finished: failed || this.#status === 'COMPLETED',
    };
  }
}

const ERROR_MAX = 500;
