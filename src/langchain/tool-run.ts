/** One run of a tool, from its start to its tool event (contract 5.7). */
import type { Parts } from '../fusewire.js';
import { listOf, textOf } from '../providers/values.js';
import { buildToolEvent, errorMessageOf } from '../tools/tool-event.js';
import type { UsageMetadataFields } from '../wire/usage-event.js';
import { type Fields, fieldsOf } from './structure.js';

const NAME_MAX = 255;

/** What is known of a tool's run when it begins. */
export interface ToolStart {
  readonly serialized: unknown;
  readonly runName: unknown;
  readonly metadata: UsageMetadataFields;
  /** Free form, kept with the event. */
  readonly details: Fields;
}

/** Its first end counts. No method throws (I2). */
export class ToolRun {
  readonly #parts: Parts;
  readonly #start: ToolStart;
  readonly #startedAt: number;
  readonly #startedAtMs: number;
  #isEnded = false;

  constructor(parts: Parts, start: ToolStart) {
    this.#parts = parts;
    this.#start = start;
    this.#startedAt = parts.runtime.monotonicNow();
    this.#startedAtMs = parts.runtime.now();
  }

  /** The tool gave `output`. A tool that reports its failure as a message failed too. */
  ended(output: unknown): void {
    const { status } = fieldsOf(output);
    if (status === 'error') this.failed(fieldsOf(output)['content']);
    else this.#meter(undefined);
  }

  /** The tool threw `error`. */
  failed(error: unknown): void {
    this.#meter(errorMessageOf(error) || 'the tool failed');
  }

  #meter(errorMessage: string | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { runtime, outbox, book } = this.#parts;
    const { metadata, details } = this.#start;
    const facts = {
      transactionId: runtime.newId(),
      toolId: toolIdOf(this.#start),
      durationMs: Math.max(0, runtime.monotonicNow() - this.#startedAt),
      success: errorMessage === undefined,
      startedAtMs: this.#startedAtMs,
      errorMessage,
      usageMetadata: details,
    };
    book.noteUse();
    outbox.append(facts.transactionId, buildToolEvent(facts, {}, metadata, book.sink.middlewareSource));
  }
}

function toolIdOf({ serialized, runName }: ToolStart): string {
  const { name, id } = fieldsOf(serialized);
  return (textOf(runName) ?? textOf(name) ?? textOf(listOf(id).at(-1)) ?? 'tool').slice(0, NAME_MAX);
}
