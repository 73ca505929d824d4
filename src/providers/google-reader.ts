/** Reads what an answer of `generateContent`, streamed or whole, says of its usage. */
import { isRecord } from '../wire/is-record.js';
import type { StopReason, UsageReader, UsageReading } from './adapter.js';
import { googleModelName } from './google-endpoints.js';
import { googleStopReason } from './google-stop-reason.js';
import { type GoogleUsage, readGoogleUsage } from './google-usage.js';
import { OUTPUT_TEXT_MAX } from './openai-reader.js';
import { recordOf, textOf } from './openai-usage.js';

/** The message of an error inside an answer. */
export function googleError(value: unknown): string | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  const error = recordOf(value);
  const text = error === undefined ? textOf(value) : (textOf(error['message']) ?? textOf(error['status']));
  return text ?? 'error inside the answer';
}

/** The counts of a usage as a reading has them. */
export function countsOfUsage(usage: GoogleUsage | undefined): Partial<UsageReading> {
  if (usage === undefined) return {};
  const { inputAudioTokens, outputAudioTokens } = usage;
  return {
    ...given('inputTokens', usage.inputTokens),
    ...given('outputTokens', usage.outputTokens),
    ...given('totalTokens', usage.totalTokens),
    ...given('reasoningTokens', usage.reasoningTokens),
    ...given('cacheReadTokens', usage.cacheReadTokens),
    ...given('serviceTier', usage.serviceTier),
    ...(inputAudioTokens === undefined && outputAudioTokens === undefined
      ? {}
      : {
          media: {
            ...given('inputAudioTokenCount', inputAudioTokens),
            ...given('outputAudioTokenCount', outputAudioTokens),
          },
        }),
  };
}

/** What a usage says beside the counts that an event has fields for. */
export function attributesOfUsage(usage: GoogleUsage | undefined): Record<string, unknown> {
  return {
    ...given('toolUsePromptTokens', usage?.toolUseTokens),
    ...given('inputImageTokens', usage?.inputImageTokens),
    ...given('outputImageTokens', usage?.outputImageTokens),
  };
}

/** `{name: value}`, or nothing where the value is not known. */
export function given<N extends string, T>(name: N, value: T | undefined): { [K in N]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: T };
}

/**
 * The reader of contents. Each chunk repeats running totals, and before the last one they are the provider's guesses
 * (a prompt count may even fall): until an end was seen they count as at least so much.
 */
export class GoogleContentReader implements UsageReader {
  readonly #candidatesAsked: number;
  readonly #ended = new Set<unknown>();
  #usage: GoogleUsage | undefined;
  #rawUsage: unknown;
  #responseId: string | undefined;
  #model: string | undefined;
  #stopReason: StopReason | undefined;
  #errorReason: string | undefined;
  #finished = false;
  #isWhole = false;
  #searches = 0;
  #text = '';

  /** `candidatesAsked`: the answer is over when so many candidates ended. */
  constructor(candidatesAsked: number) {
    this.#candidatesAsked = candidatesAsked;
  }

  whole(body: unknown): void {
    this.#isWhole = true;
    // Without `alt=sse` a stream is one JSON array of chunks.
    if (Array.isArray(body)) for (const chunk of body) this.chunk(chunk);
    else this.chunk(body);
    if (typeof body === 'object' && body !== null && this.#errorReason === undefined) this.#finished = true;
  }

  chunk(data: unknown): void {
    if (!isRecord(data)) return;
    this.#responseId ??= textOf(data['responseId']);
    const model = textOf(data['modelVersion']);
    if (model !== undefined) this.#model = googleModelName(model);
    const usage = readGoogleUsage(data['usageMetadata']);
    if (usage !== undefined) {
      this.#usage = usage;
      this.#rawUsage = data['usageMetadata'];
    }
    this.#errorReason ??= googleError(data['error']);
    this.#readFeedback(recordOf(data['promptFeedback']));
    if (Array.isArray(data['candidates'])) for (const one of data['candidates']) this.#readCandidate(recordOf(one));
  }

  reading(): UsageReading {
    const finished = this.#finished && this.#errorReason === undefined;
    const attributes = {
      ...attributesOfUsage(this.#usage),
      ...(this.#searches === 0 ? {} : { webSearches: this.#searches }),
    };
    return {
      ...countsOfUsage(this.#usage),
      ...given('responseId', this.#responseId),
      ...given('model', this.#model),
      ...given('stopReason', this.#stopReason),
      ...given('errorReason', this.#errorReason),
      ...given('rawUsage', this.#rawUsage),
      ...(this.#usage !== undefined && !finished ? { isPartial: true } : {}),
      ...(this.#usage === undefined && this.#isWhole ? { isUnknownShape: true } : {}),
      ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
      finished,
      outputText: this.#text,
    };
  }

  /** A prompt that was blocked has no candidates: this is its answer. */
  #readFeedback(feedback: Record<string, unknown> | undefined): void {
    const reason = feedback?.['blockReason'];
    if (reason === undefined || reason === null || reason === '') return;
    this.#stopReason = 'ERROR';
    this.#finished = true;
  }

  #readCandidate(candidate: Record<string, unknown> | undefined): void {
    if (candidate === undefined) return;
    const parts = recordOf(candidate['content'])?.['parts'];
    if (Array.isArray(parts)) for (const part of parts) this.#readPart(recordOf(part));
    const queries = recordOf(candidate['groundingMetadata'])?.['webSearchQueries'];
    if (Array.isArray(queries)) this.#searches = Math.max(this.#searches, queries.length);
    const reason = candidate['finishReason'];
    if (!(typeof reason === 'string' && reason !== '') && !(typeof reason === 'number' && reason > 0)) return;
    this.#stopReason ??= googleStopReason(reason);
    this.#ended.add(candidate['index'] ?? 0);
    if (this.#ended.size >= this.#candidatesAsked) this.#finished = true;
  }

  /** Calls and code are generated, hence paid for, like the answer's own text. Thoughts are counted apart. */
  #readPart(part: Record<string, unknown> | undefined): void {
    if (part === undefined) return;
    if (part['thought'] !== true) this.#addText(part['text']);
    const call = recordOf(part['functionCall']);
    if (call !== undefined) this.#addText(JSON.stringify({ name: call['name'], args: call['args'] }));
    this.#addText(recordOf(part['executableCode'])?.['code']);
  }

  #addText(value: unknown): void {
    if (typeof value !== 'string' || this.#text.length >= OUTPUT_TEXT_MAX) return;
    this.#text += value.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }
}
