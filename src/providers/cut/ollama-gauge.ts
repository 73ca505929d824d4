/** Gauges streams of Ollama's own API: lines of JSON, the last of which says that it is done. */
import { countOf, listOf, recordOf, textOf } from '../values.js';
import { OutputCount } from './output-count.js';
import { type GaugeOptions, NO_ENDING, parsedOrNothing, type StreamGauge } from './stream-gauge.js';

/** Of {@link OllamaGauge}. */
export interface OllamaGaugeOptions extends GaugeOptions {
  /** `generate` answers with `response`, `chat` with messages. */
  readonly isGenerate: boolean;
  readonly model: string | undefined;
}

/** See {@link StreamGauge}. */
export class OllamaGauge implements StreamGauge {
  readonly #options: OllamaGaugeOptions;
  readonly #count = new OutputCount();
  #model: string | undefined;
  #createdAt: string | undefined;
  #isOver = false;

  constructor(options: OllamaGaugeOptions) {
    this.#options = options;
  }

  get outputTokens(): number {
    return this.#count.tokens;
  }

  get tokensAside(): number {
    return 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  data(text: string): void {
    if (text !== '') this.chunk(parsedOrNothing(text));
  }

  chunk(value: unknown): void {
    const line = recordOf(value);
    if (line === undefined) return;
    this.#model = textOf(line['model']) ?? this.#model;
    this.#createdAt = textOf(line['created_at']) ?? this.#createdAt;
    const source = recordOf(line['message']) ?? line;
    this.#count.text(source['thinking']);
    this.#count.text(source['content'] ?? source['response']);
    const calls = listOf(source['tool_calls']);
    if (calls.length > 0) this.#count.text(JSON.stringify(calls));
    this.#count.reported(countOf(line['eval_count']));
    const { error } = line;
    if (line['done'] === true || (error !== undefined && error !== null)) this.#isOver = true;
  }

  ending(): Buffer {
    const last = this.endingLine();
    return last === undefined ? NO_ENDING : Buffer.from(`${JSON.stringify(last)}\n`);
  }

  /** The same as a value, for clients whose chunks are parsed. */
  endingLine(): object | undefined {
    if (this.#isOver) return undefined;
    const { isGenerate, model, nowMs, inputTokens } = this.#options;
    return {
      model: this.#model ?? model ?? '',
      created_at: this.#createdAt ?? new Date(nowMs()).toISOString(),
      ...(isGenerate ? { response: '' } : { message: { role: 'assistant', content: '' } }),
      done: true,
      done_reason: 'length',
      prompt_eval_count: inputTokens(),
      eval_count: this.#count.tokens,
    };
  }
}
