/**
 * Requests in fal's queue. One request puts work there, another one reads what became of it: the first begins the
 * attempt, on behalf of whoever submitted it, and the second ends it, once. A result that nobody reads is metered all
 * the same, as an estimate (I4): when its submitter leaves or cancels it, after a day, and when the process ends.
 */
import type { CallPath } from '../call.js';
import type { Attempt, AttemptEnd, AttemptFailure } from '../metering/attempt.js';
import type { UsageReader, UsageReading } from '../providers/adapter.js';
import { type FalRequestReading, falAdapter } from '../providers/fal.js';
import { isFalRequestId } from '../providers/fal-reader.js';
import type { Runtime, Timer } from '../runtime.js';
import type { WatchedAttempt } from './answer-watch.js';
import { nameEvent } from './fal-call.js';

/** Requests that are remembered, waiting ones and metered ones each; the oldest goes first (I10). */
const REMEMBERED_MAX = 10_000;
/** fal keeps a result for an hour at most; and an event counts in the window of its request for 25 hours. */
const WAIT_MAX_MS = 24 * 3_600_000;
const ERROR_STATUS = 400;
/** Said of the reading, not of the work: not finished yet, not allowed, not found, too often, or a gateway's trouble. */
const OF_THE_READING: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 408, 429, 502, 503, 504]);

interface Waiting {
  readonly attempt: Attempt;
  readonly reading: FalRequestReading;
  readonly timer: Timer;
}

/** What is known of the queued requests of one client. No method throws. */
export class FalQueue {
  readonly #path: CallPath;
  readonly #runtime: Runtime;
  readonly #waiting = new Map<string, Waiting>();
  readonly #metered = new Set<string>();

  constructor(path: CallPath, runtime: Runtime) {
    this.#path = path;
    this.#runtime = runtime;
  }

  /** What the answer to a submission is watched with: it ends the attempt only where nothing was queued. */
  submission(attempt: Attempt, reading: FalRequestReading, reader: UsageReader, onQueued?: OnQueued): WatchedAttempt {
    return {
      ...silent(attempt),
      settle: (end, failure) => {
        const told = readSafely(reader);
        if (told?.pending === true && told.responseId !== undefined) {
          onQueued?.(told.responseId);
          this.queued(told.responseId, attempt, reading);
        } else {
          attempt.answered(() => reader.reading());
          attempt.settle(end, failure);
        }
      },
    };
  }

  /** The request `id` is in the queue; `attempt` ends when its result is read. */
  queued(id: string, attempt: Attempt, reading: FalRequestReading): void {
    if (attempt.settled || this.#waiting.has(id)) return;
    const timer = this.#runtime.setTimer(() => this.end(id, 'abandoned'), WAIT_MAX_MS);
    this.#waiting.set(id, { attempt, reading, timer });
    // The result goes to somebody else: it is metered now or never.
    if (reading.webhook) this.end(id, 'completed');
    // Another process may read the result, after a crash of this one too: under the same name it counts once.
    else attempt.goesOn(unseen(id, reading));
    if (this.#waiting.size > REMEMBERED_MAX) this.end(this.#waiting.keys().next().value as string, 'abandoned');
  }

  /** What is known of the request whose result is asked for: its own reading, which says more than the question. */
  readingFor(question: FalRequestReading): FalRequestReading {
    const known = this.#waiting.get(question.queuedId ?? '')?.reading;
    return known === undefined ? question : { ...known, submits: false, queuedId: question.queuedId as string };
  }

  /** What the answer to the question for a result is watched with, or `undefined` where it was metered before. */
  result(question: FalRequestReading, metadata: unknown, reader: UsageReader): WatchedAttempt | undefined {
    const id = question.queuedId as string;
    if (this.#metered.has(id)) return undefined;
    const waiting = this.#waiting.get(id);
    const attempt = waiting?.attempt ?? this.#path.begin(this.#path.admit(question, metadata));
    return {
      ...silent(attempt),
      settle: (end, failure = {}) => {
        if (this.#metered.has(id) || !isFinal(end, failure, readSafely(reader))) return;
        attempt.answered(() => reader.reading(), failure.status);
        this.#forget(id);
        attempt.settle(end, failure);
      },
    };
  }

  /** The request `id` ends without a result that we saw: cancelled, left, or answered past us (`reading` tells how). */
  end(id: string, end: AttemptEnd, failure: AttemptFailure = {}, reading?: UsageReading): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#forget(id);
    const { responseId, idsAreUnique, ...told } = unseen(id, waiting.reading);
    const all = { ...told, finished: end === 'completed', ...reading, responseId, idsAreUnique };
    waiting.attempt.answered(() => all as UsageReading);
    waiting.attempt.settle(end, failure);
  }

  /** The result was returned to the caller as `value`; where it came past us, it is metered from `data`. Names its event. */
  answered(id: string, data: unknown, value: unknown): void {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) {
      const reader = falAdapter.createUsageReader({
        ...waiting.reading,
        submits: false,
        queuedId: id,
      } as FalRequestReading);
      reader.whole(data);
      this.end(id, 'completed', {}, reader.reading());
    }
    if (this.#metered.has(id) && isFalRequestId(id)) nameEvent(value, id);
  }

  #forget(id: string): void {
    this.#waiting.get(id)?.timer.cancel();
    this.#waiting.delete(id);
    this.#metered.add(id);
    if (this.#metered.size > REMEMBERED_MAX) this.#metered.delete(this.#metered.values().next().value as string);
  }
}

/** What is known of a queued request whose result nobody saw. Of a language model's answer nobody knows the length. */
function unseen(id: string, { operationType }: FalRequestReading): UsageReading {
  const isUnknownShape = operationType === 'CHAT';
  return { responseId: id, idsAreUnique: isFalRequestId(id), isUnknownShape, finished: false, outputText: '' };
}

/** Is told the id under which a request was queued. */
export type OnQueued = (requestId: string) => void;

/** An attempt that lives longer than the answer: reading the answer moves none of its time limits. */
function silent(attempt: Attempt): Omit<WatchedAttempt, 'settle'> {
  return {
    answered: () => undefined,
    progressed: () => undefined,
    firstToken: () => undefined,
    outgrew: (bytesMax) => attempt.outgrew(bytesMax),
  };
}

/** Whether it is the work that ended, well or badly, and not only the reading of it. */
function isFinal(end: AttemptEnd, { status }: AttemptFailure, told: UsageReading | undefined): boolean {
  if (told?.pending === true) return false;
  if (end === 'completed' || told?.errorReason !== undefined) return true;
  return end === 'failed' && status !== undefined && status >= ERROR_STATUS && !OF_THE_READING.has(status);
}

function readSafely(reader: UsageReader): UsageReading | undefined {
  try {
    return reader.reading();
  } catch {
    return undefined;
  }
}
