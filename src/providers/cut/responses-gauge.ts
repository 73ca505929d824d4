/** Gauges streams of the Responses API. */
import { readOpenAIUsage } from '../openai-usage.js';
import { countOf, recordOf, textOf } from '../values.js';
import { OutputCount } from './output-count.js';
import { type ResponseEvent, ResponseItems } from './response-items.js';
import { type GaugeOptions, NO_ENDING, namedEvent, parsedOrNothing, type StreamGauge } from './stream-gauge.js';

const TERMINAL = /^(?:response\.(?:completed|failed|incomplete|cancelled)|error)$/;
const SECOND_MS = 1_000;

/** Of {@link ResponsesGauge}. */
export interface ResponsesGaugeOptions extends GaugeOptions {
  readonly model: string | undefined;
}

/** See {@link StreamGauge}. */
export class ResponsesGauge implements StreamGauge {
  readonly #options: ResponsesGaugeOptions;
  readonly #count = new OutputCount();
  readonly #items = new ResponseItems();
  #response: Record<string, unknown> | undefined;
  #sequence = -1;
  #isOver = false;

  constructor(options: ResponsesGaugeOptions) {
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
    if (text !== '' && text !== '[DONE]') this.chunk(parsedOrNothing(text));
  }

  chunk(value: unknown): void {
    const event = recordOf(value);
    if (event === undefined) return;
    const type = textOf(event['type']) ?? '';
    this.#sequence = Math.max(this.#sequence, countOf(event['sequence_number']) ?? this.#sequence + 1);
    // Sound comes in deltas too; its base64 is no text.
    if (type.endsWith('.delta') && !type.includes('audio')) this.#count.text(event['delta']);
    if (type === 'response.output_item.added') this.#count.text(recordOf(event['item'])?.['name']);
    this.#items.take(event);
    const response = recordOf(event['response']);
    if (response !== undefined) {
      this.#response = response;
      this.#count.reported(readOpenAIUsage(response['usage'])?.outputTokens);
    }
    const { error } = event;
    if (TERMINAL.test(type) || (error !== undefined && error !== null)) this.#isOver = true;
  }

  ending(): Buffer {
    if (this.#isOver) return NO_ENDING;
    const begin: ResponseEvent[] = [];
    if (this.#response === undefined) {
      this.#response = this.#made();
      begin.push({ type: 'response.created', response: this.#response });
    }
    const closing = this.#items.closing();
    const last: ResponseEvent = { type: 'response.incomplete', response: this.#incomplete(this.#response) };
    let sequence = this.#sequence;
    const events = [...begin, ...closing, last].map((event) => {
      sequence += 1;
      return namedEvent({ ...event, sequence_number: sequence } as ResponseEvent);
    });
    return Buffer.from(events.join(''));
  }

  #incomplete(response: Record<string, unknown>): Record<string, unknown> {
    const input = readOpenAIUsage(response['usage'])?.inputTokens ?? this.#options.inputTokens();
    const output = this.#count.tokens;
    const details = { input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
    return {
      ...response,
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: this.#items.output(),
      usage: { input_tokens: input, output_tokens: output, total_tokens: input + output, ...details },
    };
  }

  /** The response of a stream that told nothing of its own. */
  #made(): Record<string, unknown> {
    const { newId, nowMs, model = '' } = this.#options;
    return {
      id: `resp_${newId()}`,
      object: 'response',
      created_at: Math.floor(nowMs() / SECOND_MS),
      status: 'in_progress',
      error: null,
      incomplete_details: null,
      instructions: null,
      metadata: {},
      model,
      output: [],
      parallel_tool_calls: true,
      tool_choice: 'auto',
      tools: [],
    };
  }
}
