/** Reads what an answer of OpenAI's chat, completions, embeddings and media endpoints says of its usage. */
import type { MediaFields } from '../wire/usage-event.js';
import type { StopReason, UsageReader, UsageReading } from './adapter.js';
import { chatStopReason } from './openai-stop-reason.js';
import { type OpenAIUsage, readOpenAIUsage } from './openai-usage.js';
import { countOf, recordOf, textOf } from './values.js';

/** Text kept for the estimate of an answer without counts, in characters (I10). */
export const OUTPUT_TEXT_MAX = 1024 * 1024;
/** What Ollama puts into every answer of its OpenAI endpoint; its ids repeat within a thousand (I4). */
const OLLAMA_FINGERPRINT = 'fp_ollama';

/** What the readers of all OpenAI endpoints have in common. */
export abstract class OpenAIReader implements UsageReader {
  protected responseId: string | undefined;
  protected model: string | undefined;
  protected stopReason: StopReason | undefined;
  protected errorReason: string | undefined;
  protected finished = false;
  protected pending = false;
  /** The counts came with an answer that went on. */
  protected isPartial = false;
  /** Our own facts about the answer. */
  protected readonly facts: Record<string, unknown> = {};
  #usage: OpenAIUsage | undefined;
  #rawUsage: unknown;
  #fingerprint: string | undefined;
  #serviceTier: string | undefined;
  #text = '';

  abstract whole(body: unknown): void;
  abstract chunk(data: unknown): void;

  reading(): UsageReading {
    const usage = this.#usage;
    const media = soundOf(usage);
    const attributes = this.#attributes();
    const isOllama = this.#fingerprint === OLLAMA_FINGERPRINT;
    return {
      responseId: this.responseId,
      model: this.model,
      inputTokens: usage?.inputTokens,
      outputTokens: usage?.outputTokens,
      totalTokens: usage?.totalTokens,
      reasoningTokens: usage?.reasoningTokens,
      cacheReadTokens: usage?.cacheReadTokens,
      cacheWriteTokens: usage?.cacheWriteTokens,
      stopReason: this.stopReason,
      systemFingerprint: this.#fingerprint,
      serviceTier: this.#serviceTier,
      errorReason: this.errorReason,
      pending: this.pending,
      finished: this.finished,
      outputText: this.#text,
      rawUsage: this.#rawUsage,
      provider: isOllama ? 'OLLAMA' : undefined,
      modelSource: isOllama ? 'OLLAMA' : undefined,
      idsAreUnique: isOllama ? false : undefined,
      isPartial: this.isPartial && !this.finished,
      media,
      attributes,
    };
  }

  #attributes(): Record<string, unknown> | undefined {
    const images = this.#usage?.inputImageTokens;
    if (images !== undefined && images > 0) this.facts['inputImageTokens'] = images;
    for (const _ in this.facts) return this.facts;
    return undefined;
  }

  /** The fields that a whole answer and each chunk carry. Azure's first chunk has them all empty. */
  protected head(data: Record<string, unknown>): void {
    this.responseId ??= textOf(data['id']);
    this.model = textOf(data['model']) ?? this.model;
    this.#fingerprint = textOf(data['system_fingerprint']) ?? this.#fingerprint;
    this.#serviceTier = textOf(data['service_tier']) ?? this.#serviceTier;
  }

  /** Running totals: the last usage counts. */
  protected usage(value: unknown): void {
    const usage = readOpenAIUsage(value);
    if (usage === undefined) return;
    this.#usage = usage;
    this.#rawUsage = value;
    const record = recordOf(value);
    this.#serviceTier = textOf(record?.['service_tier']) ?? this.#serviceTier;
    this.#searches(record);
  }

  /** Searches that are billed apart, by the names of OpenRouter, Perplexity and xAI. */
  #searches(usage: Record<string, unknown> | undefined): void {
    const made = recordOf(usage?.['server_tool_use'])?.['web_search_requests'] ?? usage?.['num_search_queries'];
    const searches = countOf(made);
    if (searches !== undefined && searches > 0) this.facts['webSearches'] = searches;
    const sources = countOf(usage?.['num_sources_used']);
    if (sources !== undefined && sources > 0) this.facts['searchSources'] = sources;
  }

  protected addText(value: unknown): void {
    if (typeof value !== 'string' || value === '' || this.#text.length >= OUTPUT_TEXT_MAX) return;
    this.#text += value.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }

  /** An error inside the answer, under HTTP 200 too. */
  protected error(value: unknown): void {
    if (value === undefined || value === null || value === false) return;
    const error = recordOf(value);
    const text = error === undefined ? textOf(value) : (textOf(error['message']) ?? textOf(error['code']));
    this.errorReason ??= text ?? 'error inside the answer';
  }
}

/** Sound among the tokens, in wire names; `undefined` where there is none. */
function soundOf(usage: OpenAIUsage | undefined): MediaFields | undefined {
  const heard = usage?.inputAudioTokens ?? 0;
  const spoken = usage?.outputAudioTokens ?? 0;
  if (heard === 0 && spoken === 0) return undefined;
  return {
    ...(heard > 0 ? { inputAudioTokenCount: heard } : {}),
    ...(spoken > 0 ? { outputAudioTokenCount: spoken } : {}),
  };
}

/** Chat and completions, streamed and whole; any other endpoint as far as it uses the same names. */
export class ChatReader extends OpenAIReader {
  /** The text before `"choices":` of the chunk that was parsed last, and of the one that may be parsed next. */
  #head: string | undefined;
  #nextHead: string | undefined;
  readonly #choicesAsked: number;
  readonly #ended = new Set<unknown>();
  readonly #embeds: boolean;

  constructor(choicesAsked: number, embeds: boolean) {
    super();
    this.#choicesAsked = choicesAsked;
    this.#embeds = embeds;
  }

  whole(body: unknown): void {
    this.chunk(body);
    if (recordOf(body) !== undefined && this.errorReason === undefined) this.finished = true;
  }

  /**
   * A chunk that begins as the parsed one before it, and has nothing behind that but a piece of text, says nothing new
   * but that text. Whatever differs in a single character is parsed.
   */
  skim(data: string): boolean {
    const head = this.#head;
    if (head !== undefined && data.startsWith(head)) {
      const text = TEXT_ONLY.exec(data.slice(head.length))?.[1];
      const decoded = text === undefined ? undefined : decodedString(text);
      if (decoded !== undefined) {
        this.addText(decoded);
        return true;
      }
    }
    const choices = data.indexOf(CHOICES);
    this.#nextHead = choices === -1 ? undefined : data.slice(0, choices + CHOICES.length);
    return false;
  }

  chunk(data: unknown): void {
    this.#head = this.#nextHead;
    this.#nextHead = undefined;
    const chunk = recordOf(data);
    if (chunk === undefined) return;
    this.head(chunk);
    this.usage(recordOf(chunk['x_groq'])?.['usage']);
    this.usage(this.#embeds ? withoutOutput(chunk['usage']) : chunk['usage']);
    this.error(chunk['error']);
    const choices = chunk['choices'];
    if (!Array.isArray(choices)) return;
    for (const choice of choices) this.#choice(recordOf(choice));
    // Perplexity and vLLM can send running totals with every piece of text.
    if (recordOf(chunk['usage']) !== undefined) this.isPartial = choices.length > 0;
  }

  #choice(choice: Record<string, unknown> | undefined): void {
    if (choice === undefined) return;
    this.addText(choice['text']);
    this.#message(recordOf(choice['delta'] ?? choice['message']));
    const finishReason = textOf(choice['finish_reason']);
    if (finishReason === undefined) return;
    this.stopReason ??= chatStopReason(finishReason);
    this.#ended.add(choice['index']);
    if (this.#ended.size >= this.#choicesAsked) this.finished = true;
  }

  #message(message: Record<string, unknown> | undefined): void {
    if (message === undefined) return;
    this.addText(message['content']);
    this.addText(message['refusal']);
    this.addText(message['reasoning_content'] ?? message['reasoning']);
    this.addText(recordOf(message['audio'])?.['transcript']);
    this.#call(recordOf(message['function_call']));
    if (!Array.isArray(message['tool_calls'])) return;
    for (const call of message['tool_calls']) this.#call(recordOf(recordOf(call)?.['function']));
  }

  #call(call: Record<string, unknown> | undefined): void {
    this.addText(call?.['name']);
    this.addText(call?.['arguments']);
  }
}

const CHOICES = '"choices":';
/** Behind {@link CHOICES}: one choice that goes on, with text and nothing else. OpenAI pads with `obfuscation`. */
const TEXT_ONLY =
  /^\[\{"index":\d{1,3},"delta":\{(?:"role":"assistant",)?"content":"((?:[^"\\\p{Cc}]|\\.)*)"\}(?:,"logprobs":null)?(?:,"finish_reason":null)?\}\](?:,"usage":null)?(?:,"obfuscation":"\w*")?\}$/u;

/** The string whose JSON is `"text"`, or `undefined` where that is none. */
function decodedString(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Embeddings have no output; the count is given, not missing (contract 6.2). */
function withoutOutput(usage: unknown): unknown {
  const record = recordOf(usage);
  return record === undefined ? usage : { completion_tokens: 0, ...record };
}
