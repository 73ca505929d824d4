/** A language model's answer: whole, or part by part. */
import type { TokenConvention, UsageReader, UsageReading } from '../providers/adapter.js';
import { listOf, textOf } from '../providers/values.js';
import { readFinishReason } from './stop-reason.js';
import { type Fields, fieldsOf, readSafely } from './structure.js';
import { readAiCost, readAiUsage } from './usage.js';

const ERROR_TEXT_MAX = 500;

/** Parts that carry what the model made: the first of them is the first token. */
const MADE = new Set(['text-delta', 'reasoning-delta', 'tool-input-start', 'tool-input-delta', 'tool-call', 'file']);

/** Reads the results of `doGenerate` and the parts of `doStream` of specification v2, v3 and v4. */
export class LanguageReader implements UsageReader {
  readonly #convention: TokenConvention;
  #facts: Partial<UsageReading> = {};
  #text: string[] = [];
  /** Tool calls whose input came in pieces: the call itself repeats it. */
  readonly #typedInputs = new Set<string>();
  #errorReason: string | undefined;
  #finished = false;
  #isUnknownShape = false;

  constructor(convention: TokenConvention) {
    this.#convention = convention;
  }

  /** The result of `doGenerate`. */
  whole(body: unknown): void {
    const result = fieldsOf(body);
    this.#isUnknownShape = !Array.isArray(result['content']);
    for (const part of listOf(result['content'])) this.#takeContent(fieldsOf(part));
    this.#takeResponse(fieldsOf(result['response']));
    this.#finish(result);
  }

  /** One part of the stream of `doStream`. */
  chunk(data: unknown): void {
    const part = fieldsOf(data);
    const type = part['type'];
    if (type === 'text-delta' || type === 'reasoning-delta') this.#say(part['delta']);
    else if (type === 'tool-input-delta') {
      if (typeof part['id'] === 'string') this.#typedInputs.add(part['id']);
      this.#say(part['delta']);
    } else if (type === 'tool-call') {
      if (!this.#typedInputs.has(String(part['toolCallId']))) this.#takeContent(part);
    } else if (type === 'response-metadata') this.#takeResponse(part);
    else if (type === 'error') this.#errorReason ??= errorTextOf(part['error']);
    else if (type === 'finish') this.#finish(part);
  }

  reading(): UsageReading {
    return {
      ...this.#facts,
      ...(this.#errorReason === undefined ? {} : { errorReason: this.#errorReason }),
      ...(this.#isUnknownShape ? { isUnknownShape: true } : {}),
      finished: this.#finished,
      outputText: this.#text.join(''),
    };
  }

  #takeContent(part: Fields): void {
    if (part['type'] === 'text' || part['type'] === 'reasoning') this.#say(part['text']);
    else if (part['type'] === 'tool-call') {
      this.#say(part['toolName']);
      const { input } = part;
      this.#say(typeof input === 'string' ? input : readSafely(() => JSON.stringify(input), ''));
    }
  }

  #takeResponse(response: Fields): void {
    const responseId = textOf(response['id']);
    const model = textOf(response['modelId']);
    this.#facts = {
      ...this.#facts,
      ...(responseId === undefined ? {} : { responseId }),
      ...(model === undefined ? {} : { model }),
    };
  }

  #finish(part: Fields): void {
    const metadata = part['providerMetadata'];
    const usage = readAiUsage(part['usage'], metadata, this.#convention);
    const stopReason = readFinishReason(part['finishReason']);
    const cost = readAiCost(metadata, usage.rawUsage);
    const tier = textOf(fieldsOf(fieldsOf(metadata)['openai'])['serviceTier']);
    this.#facts = {
      ...this.#facts,
      ...usage,
      ...(stopReason === undefined ? {} : { stopReason }),
      ...(cost === undefined ? {} : { totalCostUsd: cost }),
      ...(tier === undefined ? {} : { serviceTier: tier }),
    };
    this.#finished = true;
  }

  #say(text: unknown): void {
    if (typeof text === 'string' && text !== '') this.#text.push(text);
  }
}

/** Whether a part carries something that the model made. */
export function isMade(part: unknown): boolean {
  return MADE.has(String(fieldsOf(part)['type']));
}

/** The words of an error of any kind, for the event. */
export function errorTextOf(error: unknown): string {
  const text = textOf(error) ?? textOf(fieldsOf(error)['message']) ?? messageOf(error);
  return text.slice(0, ERROR_TEXT_MAX);
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return readSafely(() => JSON.stringify(error) ?? String(error), 'an error without words');
}
