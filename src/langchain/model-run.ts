/** One run of a model, from its admission to its one usage event. */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { AnnouncedCall, AnnouncedCalls } from '../announced-calls.js';
import { endOf } from '../instrument/metered-call.js';
import type { Attempt, AttemptEnd } from '../metering/attempt.js';
import type { UsageReading } from '../providers/adapter.js';
import { countOf, textOf } from '../providers/values.js';
import type { Runtime, Timer } from '../runtime.js';
import { textsOf } from './prompt.js';
import { readResult } from './read-result.js';
import { type LangChainUsage, readUsageMetadata } from './read-usage.js';
import { fieldsOf, firstText } from './structure.js';

/** A run that shows no sign of life for this time is abandoned: longer than any client waits for an answer. */
export const RUN_LIMIT_MS = 60 * 60_000;
/** Of a streamed answer no more is kept for the estimate of what it cost (I10). */
const TEXT_MAX = 1024 * 1024;
const REASON_MAX = 500;
/** How LangChain's integrations say that a signal ended a run. */
const ABORTED = /^(Aborted|AbortError|Model invocation was aborted|The operation was aborted|Request was aborted)/i;

/** No method throws (I2). */
export class ModelRun {
  readonly #attempt: Attempt;
  readonly #call: AnnouncedCall;
  readonly #announced: AnnouncedCalls;
  readonly #isAnthropic: boolean;
  readonly #limit: Timer;
  #isEnded = false;
  #isStreamed = false;
  #text = '';
  #result: UsageReading | undefined;
  #partialUsage: LangChainUsage | undefined;

  constructor(attempt: Attempt, call: AnnouncedCall, announced: AnnouncedCalls, runtime: Runtime) {
    this.#attempt = attempt;
    this.#call = call;
    this.#announced = announced;
    this.#isAnthropic = attempt.request.modelSource === 'ANTHROPIC';
    this.#limit = runtime.setTimer(() => this.abandon(), RUN_LIMIT_MS);
  }

  /** Whether tokens were seen before the end. */
  get isStreamed(): boolean {
    return this.#isStreamed;
  }

  /** The transaction id of the event that meters this run, wherever it is metered. */
  get transactionId(): string {
    return this.#call.attempts.at(-1)?.transactionId ?? this.#attempt.transactionId;
  }

  /** The model asks another one that meters for it. */
  meterInside(attempt: Attempt): void {
    this.#call.meterInside(attempt);
  }

  /** A token, or a chunk without text. `message` is the chunk's. */
  token(token: unknown, message: unknown): void {
    if (this.#isEnded) return;
    if (!this.#isStreamed) {
      this.#isStreamed = true;
      this.#limit.cancel();
      this.#attempt.firstToken();
      this.#attempt.answered(() => this.#reading());
    }
    this.#attempt.progressed();
    const text = textOf(token) ?? textsOf(message).join('');
    if (this.#text.length < TEXT_MAX) this.#text += text;
    const usage = readUsageMetadata(fieldsOf(message)['usage_metadata'], undefined, this.#isAnthropic);
    if ((usage?.inputTokens ?? 0) > 0) this.#partialUsage = usage;
  }

  /** The run ended well. Returns the tool calls that the model asks for. */
  ended(result: unknown, extraParams: unknown): readonly string[] {
    if (this.#isEnded) return [];
    const { reading, ids, toolCallIds } = readResult(result, this.#isAnthropic);
    this.#result = reading;
    // An answer of LangChain's cache: nothing was sent.
    if (fieldsOf(extraParams)['cached'] === true) {
      this.withdraw();
      return toolCallIds;
    }
    const isInside = this.#end(() => this.#announced.end(this.#call, ids));
    if (isInside) this.#attempt.withdraw();
    else {
      this.#call.meterOutside();
      this.#attempt.answered(() => this.#reading());
      this.#attempt.settle('completed');
    }
    return toolCallIds;
  }

  /** The run failed, or was aborted. */
  failed(error: unknown): void {
    if (this.#isEnded) return;
    const isInside = this.#end(() => this.#announced.end(this.#call));
    // Refused by a guarded client inside: that call was not sent (I1).
    if (isInside || BudgetExceededError.is(error)) {
      this.#attempt.withdraw();
      return;
    }
    if (this.#text !== '') this.#attempt.answered(() => this.#reading());
    const status = statusOf(error);
    const reason = reasonOf(error);
    this.#attempt.settle(howItEnded(error), { ...(status === undefined ? {} : { status }), reason });
  }

  /** Nobody will say any more how the run ended. */
  abandon(): void {
    if (this.#isEnded) return;
    const isInside = this.#end(() => this.#announced.end(this.#call));
    if (isInside) this.#attempt.withdraw();
    else this.#attempt.settle('abandoned');
  }

  /** Nothing was or will be sent for this run. */
  withdraw(): void {
    if (this.#isEnded) return;
    this.#end(() => this.#announced.end(this.#call));
    this.#attempt.withdraw();
  }

  #end(task: () => boolean): boolean {
    this.#isEnded = true;
    this.#limit.cancel();
    return task();
  }

  /** Of an answer that has not ended: the input is what was reported of it, the output is not known yet. */
  #reading(): UsageReading {
    if (this.#result !== undefined) return this.#result;
    const { outputTokens: _, totalTokens: __, ...partial } = this.#partialUsage ?? {};
    return { finished: false, outputText: this.#text, ...partial };
  }
}

function howItEnded(error: unknown): AttemptEnd {
  const { name } = fieldsOf(error);
  const message = messageOf(error);
  if (name === 'ModelAbortError' || ABORTED.test(message)) return 'cancelled';
  return endOf(error);
}

/** The HTTP status that an error of a client carries. */
export function statusOf(error: unknown): number | undefined {
  const { status, statusCode, status_code: snake, response } = fieldsOf(error);
  return [status, statusCode, snake, fieldsOf(response)['status']].map(countOf).find((one) => one !== undefined);
}

function messageOf(error: unknown): string {
  return firstText(fieldsOf(error), 'message') ?? String(error);
}

function reasonOf(error: unknown): string {
  return messageOf(error).slice(0, REASON_MAX);
}
