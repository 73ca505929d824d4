/** Holds for calls that a program makes and meters itself: taken by `hold`, settled by the event that names them. */

import { ASSUMED_OUTPUT_TOKENS } from './bound/types.js';
import type { CallPath } from './call.js';
import type { CallHold } from './holds/call-hold.js';
import { PROGRAM_ENDPOINT } from './holds/hold-ask.js';
import type { OperationType, RequestReading } from './providers/adapter.js';
import type { Runtime, Timer } from './runtime.js';
import type { UsageEvent } from './wire/usage-event.js';

/** What a call that no client makes is about, and how much it can consume at most. */
export interface HoldDescription {
  readonly model: string;
  /** A wire name of contract 6.2, such as `OPENAI`. */
  readonly provider: string;
  readonly maxInputTokens: number;
  /** Left out: the call names no limit, and what its budget assumes is set aside. */
  readonly maxOutputTokens?: number;
  /** @defaultValue `'CHAT'` */
  readonly operationType?: OperationType;
  /** A call that is aborted waits for nothing. */
  readonly signal?: AbortSignal;
}

/** What was set aside for one call. */
export interface ProgramHold {
  /** For `meter({…, holdId})`; `undefined` where no hard budget concerns the call, or none could be asked. */
  readonly holdId: string | undefined;
  /** The call was not made, or consumed nothing. After `meter` it does nothing. */
  release(): void;
}

/** A program that neither meters nor releases keeps nothing for longer. */
const KEPT_MS = 60 * 60_000;
/** The oldest are given back first (I10). */
const KEPT_MAX = 10_000;

/** Of one instance. */
export class ProgramHolds {
  readonly #path: CallPath;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  readonly #kept = new Map<CallHold, Timer>();

  constructor(path: CallPath, runtime: Pick<Runtime, 'setTimer'>) {
    this.#path = path;
    this.#runtime = runtime;
  }

  /** @throws BudgetExceededError when a budget that covers the call has no room for it. */
  async take(usageMetadata: unknown, description: HoldDescription): Promise<ProgramHold> {
    const { signal } = description;
    const admission = await this.#path.secure(this.#path.admit(readingOf(description), usageMetadata), () => ({
      signal,
    }));
    const { hold } = admission;
    if (hold === undefined || !hold.begin()) return { holdId: undefined, release: () => undefined };
    this.#keep(hold);
    return { holdId: hold.id, release: () => this.#drop(hold)?.release() };
  }

  /** `event` is in the outbox under `key`: of the calls that share its hold, all of one size, one is settled by it. */
  settle(event: UsageEvent, key: string): void {
    if (event.holdId === undefined) return;
    for (const hold of this.#kept.keys()) {
      if (hold.id !== event.holdId) continue;
      this.#drop(hold)?.settle(event, key);
      return;
    }
  }

  /** Gives back what nobody metered. */
  close(): void {
    for (const hold of [...this.#kept.keys()]) this.#drop(hold)?.release();
  }

  #keep(hold: CallHold): void {
    this.#kept.set(
      hold,
      this.#runtime.setTimer(() => this.#drop(hold)?.release(), KEPT_MS),
    );
    if (this.#kept.size > KEPT_MAX) this.#drop(this.#kept.keys().next().value as CallHold)?.release();
  }

  #drop(hold: CallHold): CallHold | undefined {
    this.#kept.get(hold)?.cancel();
    return this.#kept.delete(hold) ? hold : undefined;
  }
}

function readingOf(description: HoldDescription): RequestReading {
  const { model, provider, maxInputTokens, maxOutputTokens, operationType = 'CHAT' } = description;
  return {
    endpoint: PROGRAM_ENDPOINT,
    known: true,
    provider,
    modelSource: provider,
    operationType,
    model,
    streaming: false,
    promptText: () => '',
    idsAreUnique: false,
    kind: 'call',
    bound: (assumed = ASSUMED_OUTPUT_TOKENS) => ({
      inputTokensMax: maxInputTokens,
      outputTokensMax: maxOutputTokens ?? assumed,
      isOutputLimited: maxOutputTokens !== undefined,
      images: 0,
      characters: 0,
      mediaSeconds: 0,
    }),
  };
}

/** The problems of a description, one sentence each. */
export function problemsOf(given: unknown): string[] {
  const fields = Object(given) as Record<string, unknown>;
  const problems: string[] = [];
  for (const name of ['model', 'provider']) {
    if (typeof fields[name] !== 'string' || fields[name] === '') problems.push(`hold() takes a ${name}`);
  }
  for (const name of ['maxInputTokens', 'maxOutputTokens']) {
    const value = fields[name];
    if (value === undefined && name === 'maxOutputTokens') continue;
    if (!Number.isSafeInteger(value) || Number(value) < 0) problems.push(`${name} must be a whole number from 0 on`);
  }
  return problems;
}
