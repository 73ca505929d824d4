/** The answer of a model that is no language model: whole, or streamed as speech and transcripts of ai 7 are. */
import type { UsageReader, UsageReading } from '../providers/adapter.js';
import { textOf } from '../providers/values.js';
import { errorTextOf } from './language-reader.js';
import { given, KINDS, type ModelKind } from './media-reading.js';
import { type Fields, fieldsOf } from './structure.js';
import { readAiCost } from './usage.js';

/** Reads the answers of one kind of model. */
export class MediaReader implements UsageReader {
  readonly #kind: ModelKind;
  #facts: Partial<UsageReading> = {};
  #finished = false;

  constructor(kind: ModelKind) {
    this.#kind = kind;
  }

  whole(body: unknown): void {
    const result = fieldsOf(body);
    this.#takeResponse(fieldsOf(result['response']));
    this.#finish(result);
  }

  chunk(data: unknown): void {
    const part = fieldsOf(data);
    if (part['type'] === 'response-metadata') this.#takeResponse(part);
    else if (part['type'] === 'error') this.#facts = { ...this.#facts, errorReason: errorTextOf(part['error']) };
    else if (part['type'] === 'finish') this.#finish(part);
  }

  reading(): UsageReading {
    return { ...this.#facts, finished: this.#finished, outputText: '' };
  }

  #takeResponse(response: Fields): void {
    this.#facts = {
      ...this.#facts,
      ...given('responseId', textOf(response['id'])),
      ...given('model', textOf(response['modelId'])),
    };
  }

  #finish(result: Fields): void {
    this.#finished = true;
    const cost = readAiCost(result['providerMetadata'], fieldsOf(fieldsOf(result['response'])['body'])['usage']);
    this.#facts = {
      ...this.#facts,
      ...given('totalCostUsd', cost),
      ...given('rawUsage', result['usage']),
      ...KINDS[this.#kind].answer(result),
    };
  }
}
