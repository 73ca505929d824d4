/** Reads what an answer of Anthropic's API says of its usage: messages, whole and streamed, and old text completions. */
import type { StopReason, UsageReader, UsageReading } from './adapter.js';
import { type AnthropicUsage, overlay, readAnthropicUsage, totalOf } from './anthropic-usage.js';
import { OUTPUT_TEXT_MAX } from './openai-reader.js';
import { chatStopReason } from './openai-stop-reason.js';
import { countOf, recordOf, textOf } from './values.js';

type Fields = Record<string, unknown>;

const ERROR_STATUS = 400;

/** What a reader needs of the request. */
export interface AnthropicAnswerOptions {
  /** The model's name in the request is the one that is billed (Bedrock); the answer's own goes into the attributes. */
  readonly keepsModel: boolean;
}

/**
 * One reader for one answer. `message_start` counts the input and the caches, its output count is a placeholder;
 * `message_delta` is cumulative and has the last word. Until that came, the counts are partial.
 */
export class AnthropicReader implements UsageReader {
  readonly #options: AnthropicAnswerOptions;
  #responseId: string | undefined;
  #model: string | undefined;
  #stopReason: StopReason | undefined;
  #errorReason: string | undefined;
  #finished = false;
  #usage: Fields | undefined;
  /** The head of a good answer is there: something was consumed. */
  #isAnswered = false;
  #isFinal = false;
  #isUnknownShape = false;
  #usesTools = false;
  /** Counts of Bedrock beside the answer: the headers, then the metrics of the last event. */
  #beside: Fields | undefined;
  #text = '';

  constructor(options: AnthropicAnswerOptions) {
    this.#options = options;
  }

  responseHead(status: number, header: (name: string) => string | undefined): void {
    this.#isAnswered = status < ERROR_STATUS;
    const count = (name: string) => numberOf(header(`x-amzn-bedrock-${name}-token-count`));
    const read = { input_tokens: count('input'), output_tokens: count('output') };
    const caches = {
      cache_read_input_tokens: count('cache-read-input'),
      cache_creation_input_tokens: count('cache-write-input'),
    };
    this.#beside = overlay(undefined, { ...read, ...caches });
  }

  whole(body: unknown): void {
    const message = recordOf(body);
    if (message === undefined) return;
    if (message['error'] !== undefined && message['error'] !== null) {
      this.#error(message['error']);
      return;
    }
    this.#message(message);
    this.#block(message, true);
    this.#finished = true;
    this.#isFinal = true;
    this.#isUnknownShape = this.#usage === undefined && this.#text === '';
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    switch (event['type']) {
      case 'message_start':
        this.#message(recordOf(event['message']) ?? {});
        break;
      case 'content_block_start':
        this.#block(recordOf(event['content_block']), false);
        break;
      case 'content_block_delta':
        this.#delta(recordOf(event['delta']));
        break;
      case 'message_delta':
        this.#messageDelta(event);
        break;
      case 'message_stop':
        this.#finished = true;
        this.#metrics(recordOf(event['amazon-bedrock-invocationMetrics']));
        break;
      case 'completion':
        this.#completion(event);
        break;
      case 'message':
        // A server that does not stream answers a stream with the whole.
        this.whole(event);
        break;
      default:
        if (event['error'] !== undefined && event['error'] !== null) this.#error(event['error']);
    }
  }

  reading(): UsageReading {
    const usage = this.#readUsage();
    const hasUsage = usage?.inputTokens !== undefined || usage?.outputTokens !== undefined;
    const isBilled = hasUsage || (this.#isAnswered && this.#errorReason === undefined);
    return {
      responseId: this.#responseId,
      ...(this.#options.keepsModel ? {} : { model: this.#model }),
      ...(usage === undefined ? {} : countsOf(usage)),
      stopReason: this.#stopReason,
      errorReason: this.#errorReason,
      finished: this.#finished,
      outputText: this.#text,
      rawUsage: this.#usage,
      isUnknownShape: this.#isUnknownShape,
      operationSubtype: this.#usesTools ? 'function_call' : undefined,
      isPartial: isBilled && (!this.#isFinal || usage?.isMixed === true),
      attributes: {
        ...usageAttributes(usage),
        ...(this.#options.keepsModel && this.#model !== undefined ? { answeredModel: this.#model } : {}),
      },
    };
  }

  #readUsage(): AnthropicUsage | undefined {
    const beside = this.#finished ? this.#beside : undefined;
    if (this.#usage === undefined && beside === undefined) return undefined;
    return readAnthropicUsage({ ...beside, ...this.#usage });
  }

  /** A whole message, or the beginning of one. */
  #message(message: Fields): void {
    this.#responseId ??= textOf(message['id']);
    this.#model = textOf(message['model']) ?? this.#model;
    this.#stop(message['stop_reason']);
    this.#usage = overlay(this.#usage, message['usage']);
    if (Array.isArray(message['content'])) for (const block of message['content']) this.#block(recordOf(block), true);
  }

  #messageDelta(event: Fields): void {
    this.#usage = overlay(this.#usage, event['usage']);
    const reason = recordOf(event['delta'])?.['stop_reason'];
    this.#stop(reason);
    if (textOf(reason) === undefined) return;
    this.#finished = true;
    this.#isFinal = countOf(recordOf(event['usage'])?.['output_tokens']) !== undefined;
  }

  /** What Bedrock counted; Anthropic's own counts beat it. */
  #metrics(metrics: Fields | undefined): void {
    if (metrics === undefined) return;
    this.#beside = overlay(this.#beside, {
      input_tokens: metrics['inputTokenCount'],
      output_tokens: metrics['outputTokenCount'],
      cache_read_input_tokens: metrics['cacheReadInputTokenCount'],
      cache_creation_input_tokens: metrics['cacheWriteInputTokenCount'],
    });
    if (this.#isFinal || countOf(metrics['outputTokenCount']) === undefined) return;
    // The placeholder of `message_start` is no count.
    if (this.#usage !== undefined) delete this.#usage['output_tokens'];
    this.#isFinal = true;
  }

  /** `whole`: tool input is there at once; in a stream it comes in pieces. */
  #block(block: Fields | undefined, whole: boolean): void {
    if (block === undefined) return;
    for (const field of ['text', 'thinking', 'completion']) this.#addText(block[field]);
    if (block['type'] === 'compaction') this.#addText(block['content']);
    if (block['type'] !== 'tool_use' && block['type'] !== 'server_tool_use') return;
    this.#usesTools ||= block['type'] === 'tool_use';
    this.#addText(block['name']);
    if (whole && recordOf(block['input']) !== undefined) this.#addText(JSON.stringify(block['input']));
  }

  #delta(delta: Fields | undefined): void {
    if (delta === undefined) return;
    for (const field of ['text', 'partial_json', 'thinking', 'content']) this.#addText(delta[field]);
  }

  #completion(event: Fields): void {
    this.#message({ ...event, content: undefined });
    this.#addText(event['completion']);
    if (textOf(event['stop_reason']) !== undefined) this.#finished = true;
  }

  #stop(reason: unknown): void {
    const text = textOf(reason);
    if (text !== undefined) this.#stopReason = chatStopReason(text);
  }

  #addText(value: unknown): void {
    if (typeof value !== 'string' || value === '' || this.#text.length >= OUTPUT_TEXT_MAX) return;
    this.#text += value.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }

  /** An error inside the answer, under HTTP 200 too: `overloaded_error: Overloaded`. */
  #error(value: unknown): void {
    const error = recordOf(value);
    const words = [textOf(error?.['type']), textOf(error?.['message']) ?? textOf(value)];
    this.#errorReason ??= words.filter((word) => word !== undefined).join(': ') || 'error inside the answer';
  }
}

function countsOf(usage: AnthropicUsage): Partial<UsageReading> {
  const { inputTokens, outputTokens, reasoningTokens, cacheReadTokens, cacheWriteTokens, serviceTier } = usage;
  return {
    inputTokens,
    outputTokens,
    totalTokens: totalOf(usage),
    reasoningTokens,
    cacheReadTokens,
    cacheWriteTokens,
    cacheWrite5mTokens: usage.cacheWrite5mTokens,
    cacheWrite1hTokens: usage.cacheWrite1hTokens,
    serviceTier,
    speed: usage.speed,
  };
}

/** What is billed apart or at another price, where there is any. */
function usageAttributes(usage: AnthropicUsage | undefined): Fields {
  if (usage === undefined) return {};
  const { webSearches, webFetches, codeExecutions, inferenceGeo } = usage;
  const facts = Object.entries({ webSearches, webFetches, codeExecutions, inferenceGeo });
  return Object.fromEntries(facts.filter(([, value]) => value !== undefined && value !== 0));
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
