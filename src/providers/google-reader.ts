/** Reads what an answer of `generateContent`, streamed or whole, says of its usage. */
import { isRecord } from '../wire/is-record.js';
import type { StopReason, UsageReader, UsageReading } from './adapter.js';
import { googleModelName } from './google-endpoints.js';
import { googleStopReason } from './google-stop-reason.js';
import { type GoogleUsage, readGoogleUsage } from './google-usage.js';
import { OUTPUT_TEXT_MAX } from './openai-reader.js';
import { recordOf, textOf } from './values.js';

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

/** What a chunk has that says more than a piece of text and running totals. As keys they stand unescaped. */
const TELLING = ['"finishReason"', '"error"', '"promptFeedback"', '"groundingMetadata"'] as const;

/**
 * The reader of contents. Each chunk repeats running totals, and before the last one they are the provider's guesses
 * (a prompt count may even fall): until an end was seen they count as at least so much. A chunk that only goes on is kept
 * as it came, and parsed when somebody asks for what is in it; of a stream that is read to its end, nobody does.
 */
export class GoogleContentReader implements UsageReader {
  readonly #candidatesAsked: number;
  readonly #ended = new Set<unknown>();
  readonly #text = new LazyText();
  #usage: GoogleUsage | undefined;
  #rawUsage: unknown;
  #responseId: string | undefined;
  #model: string | undefined;
  #stopReason: StopReason | undefined;
  #errorReason: string | undefined;
  #finished = false;
  #isBegun = false;
  #isWhole = false;
  #searches = 0;

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

  skim(data: string): boolean {
    // The first chunk names model and response, as those after it may not.
    if (!this.#isBegun || !data.includes('"candidates"') || !data.includes('"usageMetadata"')) return false;
    return !TELLING.some((key) => data.includes(key)) && this.#text.keep(data);
  }

  chunk(data: unknown): void {
    this.#isBegun = true;
    if (!isRecord(data)) return;
    this.#catchUp();
    this.#read(data);
    this.#text.add(data, this.#finished);
  }

  reading(): UsageReading {
    this.#catchUp();
    const finished = this.#finished && this.#errorReason === undefined;
    const attributes = {
      ...attributesOfUsage(this.#usage),
      ...(this.#searches === 0 ? {} : { webSearches: this.#searches }),
    };
    const text = this.#text;
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
      get outputText() {
        return text.read();
      },
    };
  }

  #catchUp(): void {
    const newest = this.#text.parseLast();
    if (newest !== undefined) this.#read(newest);
  }

  #read(data: Record<string, unknown>): void {
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
    for (const candidate of candidatesOf(data)) this.#readCandidate(candidate);
  }

  /** A prompt that was blocked has no candidates: this is its answer. */
  #readFeedback(feedback: Record<string, unknown> | undefined): void {
    const reason = feedback?.['blockReason'];
    if (reason === undefined || reason === null || reason === '') return;
    this.#stopReason = 'ERROR';
    this.#finished = true;
  }

  #readCandidate(candidate: Record<string, unknown>): void {
    const queries = recordOf(candidate['groundingMetadata'])?.['webSearchQueries'];
    if (Array.isArray(queries)) this.#searches = Math.max(this.#searches, queries.length);
    const reason = candidate['finishReason'];
    if (!(typeof reason === 'string' && reason !== '') && !(typeof reason === 'number' && reason > 0)) return;
    this.#stopReason ??= googleStopReason(reason);
    this.#ended.add(candidate['index'] ?? 0);
    if (this.#ended.size >= this.#candidatesAsked) this.#finished = true;
  }
}

/** The text of an answer, taken out of its chunks when it is asked for. */
class LazyText {
  #text = '';
  /** In order: as they came, or parsed. */
  #chunks: (string | Record<string, unknown>)[] = [];
  #keptSize = 0;

  /** Keeps a chunk as it came; `false` where too much is kept (I10). */
  keep(data: string): boolean {
    if (this.#keptSize + data.length > OUTPUT_TEXT_MAX) return false;
    this.#chunks.push(data);
    this.#keptSize += data.length;
    return true;
  }

  /** Takes a parsed chunk. Only the last one of an answer waits with those that were kept. */
  add(chunk: Record<string, unknown>, isLast: boolean): void {
    if (!isLast) this.read();
    if (this.#chunks.length === 0) this.#take(chunk);
    else this.#chunks.push(chunk);
  }

  /** The last chunk, where it was kept as it came and can be parsed. Running totals: it says all that those before it do. */
  parseLast(): Record<string, unknown> | undefined {
    const last = this.#chunks.at(-1);
    const parsed = typeof last === 'string' ? parsedChunk(last) : undefined;
    if (parsed !== undefined) this.#chunks[this.#chunks.length - 1] = parsed;
    return parsed;
  }

  read(): string {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#keptSize = 0;
    for (const chunk of chunks) {
      const parsed = typeof chunk === 'string' ? parsedChunk(chunk) : chunk;
      if (parsed !== undefined) this.#take(parsed);
    }
    return this.#text;
  }

  #take(chunk: Record<string, unknown>): void {
    for (const candidate of candidatesOf(chunk)) {
      const parts = recordOf(candidate['content'])?.['parts'];
      if (Array.isArray(parts)) for (const part of parts) this.#takePart(recordOf(part));
    }
  }

  /** Calls and code are generated, hence paid for, like the answer's own text. Thoughts are counted apart. */
  #takePart(part: Record<string, unknown> | undefined): void {
    if (part === undefined) return;
    if (part['thought'] !== true) this.#append(part['text']);
    const call = recordOf(part['functionCall']);
    if (call !== undefined) this.#append(JSON.stringify({ name: call['name'], args: call['args'] }));
    this.#append(recordOf(part['executableCode'])?.['code']);
  }

  #append(value: unknown): void {
    if (typeof value !== 'string' || this.#text.length >= OUTPUT_TEXT_MAX) return;
    this.#text += value.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }
}

function candidatesOf(data: Record<string, unknown>): Record<string, unknown>[] {
  const { candidates } = data;
  return Array.isArray(candidates) ? candidates.filter(isRecord) : [];
}

function parsedChunk(data: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(data));
  } catch {
    // Garbled: the client fails on it too.
    return undefined;
  }
}
