/** Gauges streams of Anthropic's messages, and of its old text completions. */
import { countOf, recordOf, textOf } from '../values.js';
import { OutputCount } from './output-count.js';
import { type GaugeOptions, NO_ENDING, namedEvent, parsedOrNothing, type StreamGauge } from './stream-gauge.js';

/** What carries output in a block and in its deltas. */
const TEXTS = ['text', 'thinking', 'partial_json', 'content', 'completion', 'name', 'data'] as const;

/** Of {@link AnthropicGauge}. */
export interface AnthropicGaugeOptions extends GaugeOptions {
  /** The old endpoint, whose events are completions. */
  readonly isText: boolean;
  readonly model: string | undefined;
}

/** See {@link StreamGauge}. States: before `message_start` → between blocks ⇄ in a block → stopped → over. */
export class AnthropicGauge implements StreamGauge {
  readonly #options: AnthropicGaugeOptions;
  readonly #count = new OutputCount();
  /** Blocks that have begun and not ended: one at a time, but nothing rests on that. */
  readonly #open = new Set<number>();
  #id: string | undefined;
  #model: string | undefined;
  #isBegun = false;
  #isStopped = false;
  #isOver = false;

  constructor(options: AnthropicGaugeOptions) {
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
    const event = recordOf(value);
    if (event === undefined) return;
    switch (event['type']) {
      case 'message_start':
        this.#isBegun = true;
        this.#named(recordOf(event['message']));
        break;
      case 'content_block_start':
        this.#open.add(countOf(event['index']) ?? 0);
        this.#texts(recordOf(event['content_block']));
        break;
      case 'content_block_delta':
        this.#texts(recordOf(event['delta']));
        break;
      case 'content_block_stop':
        this.#open.delete(countOf(event['index']) ?? 0);
        break;
      case 'message_delta':
        // Cumulative, unlike the placeholder that `message_start` has.
        this.#count.reported(countOf(recordOf(event['usage'])?.['output_tokens']));
        this.#isStopped ||= textOf(recordOf(event['delta'])?.['stop_reason']) !== undefined;
        break;
      case 'message_stop':
      case 'message':
      case 'error':
        this.#isOver = true;
        break;
      case 'completion':
        this.#named(event);
        this.#count.text(event['completion']);
        this.#isOver = textOf(event['stop_reason']) !== undefined;
        break;
      default:
        if (event['error'] !== undefined && event['error'] !== null) this.#isOver = true;
    }
  }

  #named(message: Record<string, unknown> | undefined): void {
    this.#id = textOf(message?.['id']) ?? this.#id;
    this.#model = textOf(message?.['model']) ?? this.#model;
  }

  #texts(block: Record<string, unknown> | undefined): void {
    if (block === undefined) return;
    for (const name of TEXTS) this.#count.text(block[name]);
  }

  ending(): Buffer {
    const events = this.endingEvents().map(namedEvent);
    return events.length === 0 ? NO_ENDING : Buffer.from(events.join(''));
  }

  /** The same as values, for hosts that frame them in their own way. */
  endingEvents(): { readonly type: string }[] {
    if (this.#isOver) return [];
    if (this.#options.isText) return [this.#lastCompletion()];
    const events: { readonly type: string }[] = this.#isBegun ? [] : [this.#start()];
    for (const index of this.#open) events.push(stop(index));
    if (!this.#isStopped) events.push(this.#lastDelta());
    events.push({ type: 'message_stop' });
    return events;
  }

  #lastDelta(): { readonly type: string } {
    const delta = { stop_reason: 'max_tokens', stop_sequence: null };
    return { type: 'message_delta', ...{ delta, usage: { output_tokens: this.#count.tokens } } };
  }

  #lastCompletion(): { readonly type: string } {
    const { id, model } = this.#names('compl');
    const last = { id, completion: '', stop_reason: 'max_tokens', stop: null, model };
    return { type: 'completion', ...last };
  }

  #start(): { readonly type: string } {
    const { id, model } = this.#names('msg');
    const usage = { input_tokens: this.#options.inputTokens(), output_tokens: 0 };
    const fields = { id, type: 'message', role: 'assistant', model, content: [] };
    return { type: 'message_start', ...{ message: { ...fields, stop_reason: null, stop_sequence: null, usage } } };
  }

  #names(kind: string) {
    const id = this.#id ?? `${kind}_${this.#options.newId()}`;
    return { id, model: this.#model ?? this.#options.model ?? '' };
  }
}

function stop(index: number): { readonly type: string } {
  return { type: 'content_block_stop', ...{ index } };
}
