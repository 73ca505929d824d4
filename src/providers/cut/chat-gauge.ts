/** Gauges streams of chat completions and of OpenAI's old completions, whoever serves them. */
import { readOpenAIUsage } from '../openai-usage.js';
import { countOf, listOf, recordOf, textOf } from '../values.js';
import { OutputCount } from './output-count.js';
import { dataEvent, type GaugeOptions, NO_ENDING, parsedOrNothing, type StreamGauge } from './stream-gauge.js';

/** Fields of a chunk that belong to the answer, not to the piece. */
const HEAD = ['id', 'object', 'created', 'model', 'system_fingerprint', 'service_tier', 'provider'] as const;
const CHOICES = '"choices":';
/** Behind {@link CHOICES}: one choice that goes on with a piece of text and has nothing else to say. */
const TEXT_ONLY =
  /\[\{"index":(\d{1,3}),"delta":\{"(?:content|reasoning|reasoning_content)":"((?:[^"\\\p{Cc}]|\\["\\/bfnrt])*)"\}(?:,"logprobs":null)?(?:,"finish_reason":null)?\}\](?:,"usage":null)?(?:,"obfuscation":"\w*")?\}$/uy;
/** A pattern over millions of characters outgrows the stack. */
const SKIM_MAX = 64 * 1024;
const SECOND_MS = 1_000;

/** Of {@link ChatGauge}. */
export interface ChatGaugeOptions extends GaugeOptions {
  /** The old endpoint: choices carry `text`. */
  readonly isText: boolean;
  readonly choicesAsked: number;
  readonly model: string | undefined;
}

/** One choice, as far as it has come. */
interface Choice {
  hasRole: boolean;
  isOver: boolean;
}

/** See {@link StreamGauge}. */
export class ChatGauge implements StreamGauge {
  readonly #options: ChatGaugeOptions;
  readonly #count = new OutputCount();
  readonly #head: Record<string, unknown> = {};
  readonly #choices = new Map<number, Choice>();
  /** What chunks begin with that only carry text. */
  #begin: string | undefined;
  #inputTokens: number | undefined;
  #hasUsageKey = false;
  #isUsageTold = false;
  #isOver = false;

  constructor(options: ChatGaugeOptions) {
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
    if (text === '[DONE]') this.#isOver = true;
    else if (!this.#skim(text)) {
      this.chunk(parsedOrNothing(text));
      const choices = text.indexOf(CHOICES);
      this.#begin = choices === -1 ? undefined : text.slice(0, choices + CHOICES.length);
    }
  }

  /** Most chunks begin as the one before and add a few characters: these are not parsed. */
  #skim(text: string): boolean {
    const begin = this.#begin;
    if (begin === undefined || text.length > SKIM_MAX || !text.startsWith(begin)) return false;
    TEXT_ONLY.lastIndex = begin.length;
    const found = TEXT_ONLY.exec(text);
    if (found === null || this.#choices.get(Number(found[1]))?.isOver !== false) return false;
    this.#count.text(found[2]);
    return true;
  }

  chunk(value: unknown): void {
    const chunk = recordOf(value);
    if (chunk === undefined) return;
    for (const name of HEAD) if (isTold(chunk[name])) this.#head[name] = chunk[name];
    const choices = listOf(chunk['choices']);
    for (const choice of choices) this.#choice(recordOf(choice));
    if ('usage' in chunk) this.#usage(chunk['usage'], choices.length === 0);
    if (isTold(chunk['error'])) this.#isOver = true;
  }

  #usage(value: unknown, isAlone: boolean): void {
    this.#hasUsageKey = true;
    const usage = readOpenAIUsage(value);
    if (usage === undefined) return;
    this.#inputTokens = usage.inputTokens ?? this.#inputTokens;
    const { inputTokens = 0, outputTokens, totalTokens } = usage;
    // xAI counts reasoning outside of the output, and the total tells.
    const beside = totalTokens === undefined || inputTokens === 0 ? 0 : totalTokens - inputTokens;
    this.#count.reported(outputTokens === undefined ? undefined : Math.max(outputTokens, beside));
    if (isAlone) this.#isUsageTold = true;
  }

  #choice(choice: Record<string, unknown> | undefined): void {
    if (choice === undefined) return;
    const known = this.#choiceAt(countOf(choice['index']) ?? 0);
    this.#count.text(choice['text']);
    const delta = recordOf(choice['delta']);
    if (delta !== undefined) this.#delta(delta, known);
    if (textOf(choice['finish_reason']) !== undefined) known.isOver = true;
  }

  #choiceAt(index: number): Choice {
    const known = this.#choices.get(index) ?? { hasRole: false, isOver: false };
    this.#choices.set(index, known);
    return known;
  }

  #delta(delta: Record<string, unknown>, choice: Choice): void {
    if (textOf(delta['role']) !== undefined) choice.hasRole = true;
    this.#content(delta['content']);
    this.#count.text(delta['refusal']);
    this.#count.text(delta['reasoning_content'] ?? delta['reasoning']);
    this.#count.text(recordOf(delta['audio'])?.['transcript']);
    this.#call(recordOf(delta['function_call']));
    for (const call of listOf(delta['tool_calls'])) this.#call(recordOf(recordOf(call)?.['function']));
  }

  /** Text, or Mistral's list of parts, among which thinking is a list once more. */
  #content(content: unknown): void {
    if (!Array.isArray(content)) {
      this.#count.text(content);
      return;
    }
    for (const part of content) {
      const record = recordOf(part);
      this.#count.text(record?.['text']);
      for (const thought of listOf(record?.['thinking'])) this.#count.text(recordOf(thought)?.['text']);
    }
  }

  #call(call: Record<string, unknown> | undefined): void {
    if (call === undefined) return;
    this.#count.text(call['name']);
    this.#count.text(call['arguments']);
  }

  ending(): Buffer {
    if (this.#isOver) return NO_ENDING;
    const asked = Math.max(1, this.#options.choicesAsked);
    for (let index = 0; index < asked; index += 1) this.#choiceAt(index);
    const chunks: string[] = [];
    for (const [index, choice] of [...this.#choices].sort(([one], [other]) => one - other)) {
      if (!choice.isOver) chunks.push(dataEvent(this.#chunkOf([this.#lastOf(index, choice)])));
    }
    const isAsked = this.#options.isUsageAsked ?? this.#hasUsageKey;
    if (isAsked && !this.#isUsageTold) chunks.push(dataEvent({ ...this.#chunkOf([]), usage: this.#usageNow() }));
    return Buffer.from(`${chunks.join('')}data: [DONE]\n\n`);
  }

  #lastOf(index: number, { hasRole }: Choice): object {
    if (this.#options.isText) return { text: '', index, logprobs: null, finish_reason: 'length' };
    const delta = hasRole ? {} : { role: 'assistant', content: '' };
    return { index, delta, logprobs: null, finish_reason: 'length' };
  }

  #chunkOf(choices: readonly object[]): Record<string, unknown> {
    const { isText, model, newId, nowMs, isUsageAsked = this.#hasUsageKey } = this.#options;
    this.#head['id'] ??= `${isText ? 'cmpl' : 'chatcmpl'}-${newId()}`;
    this.#head['object'] ??= isText ? 'text_completion' : 'chat.completion.chunk';
    this.#head['created'] ??= Math.floor(nowMs() / SECOND_MS);
    this.#head['model'] ??= model ?? '';
    return { ...this.#head, choices, ...(isUsageAsked ? { usage: null } : {}) };
  }

  #usageNow(): object {
    const input = this.#inputTokens ?? this.#options.inputTokens();
    const output = this.#count.tokens;
    return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
  }
}

/** Azure's first chunk has them all empty. */
function isTold(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== false;
}
