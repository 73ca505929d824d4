/** Gauges event streams of Google's `streamGenerateContent`. */
import { readGoogleUsage } from '../google-usage.js';
import { countOf, listOf, recordOf, textOf } from '../values.js';
import { OutputCount } from './output-count.js';
import { type GaugeOptions, NO_ENDING, parsedOrNothing, type StreamGauge } from './stream-gauge.js';

/** Of {@link GoogleGauge}. */
export interface GoogleGaugeOptions extends GaugeOptions {
  readonly candidatesAsked: number;
  readonly model: string | undefined;
}

/** See {@link StreamGauge}. Nothing marks the end of such a stream but that every candidate has a reason to end. */
export class GoogleGauge implements StreamGauge {
  readonly #options: GoogleGaugeOptions;
  readonly #count = new OutputCount();
  readonly #open = new Set<number>();
  readonly #ended = new Set<number>();
  #usage: Record<string, unknown> = {};
  #model: string | undefined;
  #responseId: string | undefined;
  #isOver = false;

  constructor(options: GoogleGaugeOptions) {
    this.#options = options;
    for (let index = 0; index < Math.max(1, options.candidatesAsked); index += 1) this.#open.add(index);
  }

  get outputTokens(): number {
    return this.#count.tokens;
  }

  get tokensAside(): number {
    return countOf(this.#usage['thoughtsTokenCount']) ?? 0;
  }

  get isOver(): boolean {
    return this.#isOver || this.#open.size === 0;
  }

  data(text: string): void {
    if (text !== '') this.chunk(parsedOrNothing(text));
  }

  chunk(value: unknown): void {
    const chunk = recordOf(value);
    if (chunk === undefined) return;
    this.#model = textOf(chunk['modelVersion']) ?? this.#model;
    this.#responseId = textOf(chunk['responseId']) ?? this.#responseId;
    for (const candidate of listOf(chunk['candidates'])) this.#candidate(recordOf(candidate));
    this.#usageOf(chunk['usageMetadata']);
    const isBlocked = textOf(recordOf(chunk['promptFeedback'])?.['blockReason']) !== undefined;
    if (isBlocked || (chunk['error'] !== undefined && chunk['error'] !== null)) this.#isOver = true;
  }

  #usageOf(value: unknown): void {
    const usage = readGoogleUsage(value);
    if (usage === undefined) return;
    this.#usage = recordOf(value)!;
    const { outputTokens, reasoningTokens } = usage;
    if (outputTokens !== undefined) this.#count.reported(outputTokens + (reasoningTokens ?? 0));
  }

  #candidate(candidate: Record<string, unknown> | undefined): void {
    if (candidate === undefined) return;
    const index = countOf(candidate['index']) ?? 0;
    for (const part of listOf(recordOf(candidate['content'])?.['parts'])) this.#part(recordOf(part));
    const reason = candidate['finishReason'];
    if (textOf(reason) !== undefined || (countOf(reason) ?? 0) > 0) {
      this.#ended.add(index);
      this.#open.delete(index);
    } else if (!this.#ended.has(index)) this.#open.add(index);
  }

  #part(part: Record<string, unknown> | undefined): void {
    if (part === undefined) return;
    this.#count.text(part['text']);
    this.#count.text(recordOf(part['executableCode'])?.['code']);
    const call = recordOf(part['functionCall']);
    if (call !== undefined) this.#count.text(JSON.stringify(call));
  }

  ending(): Buffer {
    if (this.isOver) return NO_ENDING;
    // Empty parts would be history that the API refuses to read again; the provider's own last chunk has none either.
    const candidates = [...this.#open].map((index) => ({
      content: { role: 'model' },
      finishReason: 'MAX_TOKENS',
      index,
    }));
    const { model } = this.#options;
    const last = {
      candidates,
      usageMetadata: this.#usageNow(),
      modelVersion: this.#model ?? model,
      responseId: this.#responseId,
    };
    return Buffer.from(`data: ${JSON.stringify(last)}\r\n\r\n`);
  }

  #usageNow(): object {
    const input = countOf(this.#usage['promptTokenCount']) ?? this.#options.inputTokens();
    const aside = this.tokensAside + (countOf(this.#usage['toolUsePromptTokenCount']) ?? 0);
    const output = Math.max(0, this.#count.tokens - this.tokensAside);
    return {
      ...this.#usage,
      promptTokenCount: input,
      candidatesTokenCount: output,
      totalTokenCount: input + output + aside,
    };
  }
}
