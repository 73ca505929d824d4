/**
 * One call of this layer, from its admission to its event: decided before the model is asked, and metered after, unless
 * a guarded client or a guarded fetch inside the model meters the same call.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { Admission } from '../call.js';
import { endOf } from '../instrument/metered-call.js';
import type { Log } from '../log.js';
import type { Attempt, AttemptEnd, AttemptFailure } from '../metering/attempt.js';
import { type OuterCall, runInside } from '../outer-call.js';
import type { RequestReading, UsageReader } from '../providers/adapter.js';
import { countOf } from '../providers/values.js';
import { errorTextOf, isMade } from './language-reader.js';
import { isMeteredInside } from './metered-inside.js';
import type { Layer } from './options.js';
import { type Fields, fieldsOf, readSafely } from './structure.js';

/** What is known of a call before it is sent, and what will read its answer. */
export interface Asked {
  readonly request: RequestReading;
  readonly reader: UsageReader;
}

/** A call that began: at once, or when a hold was waited for. */
export type Begun = LayerCall | Promise<LayerCall> | undefined;

/**
 * Decides on a call, and notes its attempt. `params` are the model's call options, `metadata` what came with them.
 *
 * @returns `undefined` where something of ours failed: then the call goes on without us (I2).
 * @throws BudgetExceededError when a budget that covers the call is used up; nothing else.
 */
export function beginCall(layer: Layer, params: Fields, metadata: unknown, read: () => Asked): Begun {
  let log: Log | undefined;
  try {
    const { path, runtime } = layer.parts();
    log = runtime.log;
    const { request, reader } = read();
    const admitted = path.admit(request, layer.metadataOf(metadata));
    const given = readSafely(() => params['abortSignal'], undefined);
    const signal = given instanceof AbortSignal ? given : undefined;
    const begin = (admission: Admission) => {
      const attempt = path.begin(admission);
      return new LayerCall(attempt, path.around(admission, attempt), reader, signal);
    };
    const secured = path.secure(admitted, () => ({ signal }));
    return secured instanceof Promise ? secured.then(begin) : begin(secured);
  } catch (error) {
    if (error instanceof BudgetExceededError) throw error;
    log?.error('a call of the AI SDK could not be decided on; please report this', { error: String(error) });
    return undefined;
  }
}

/** States: under way → settled. No method but {@link LayerCall.run} throws (I2). */
export class LayerCall {
  readonly #attempt: Attempt;
  readonly #outer: OuterCall;
  readonly #reader: UsageReader;
  readonly #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  #ended = false;

  constructor(attempt: Attempt, outer: OuterCall, reader: UsageReader, signal: unknown) {
    this.#attempt = attempt;
    this.#outer = outer;
    this.#reader = reader;
    this.#signal = signal instanceof AbortSignal ? signal : undefined;
  }

  /** Runs `task`, a part of the wrapped call, so that guarded clients inside know of this one. Throws what it throws. */
  run<T>(task: () => T): T {
    return runInside(this.#outer, task);
  }

  /** The whole answer. */
  whole(result: unknown): void {
    readSafely(() => this.#reader.whole(result), undefined);
    this.#attempt.answered(() => this.#reader.reading());
    this.#complete();
  }

  /** The head of a streamed answer is there. */
  answered(): void {
    this.#attempt.answered(() => this.#reader.reading());
    // Node keeps some signals alive while they are listened to; a call must not live as long as they do.
    const call = new WeakRef<LayerCall>(this);
    this.#onAbort = () => call.deref()?.left();
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** One part of a streamed answer, on its way to whoever reads. */
  part(part: unknown): void {
    this.#attempt.progressed();
    if (isMade(part)) this.#attempt.firstToken();
    readSafely(() => this.#reader.chunk(part), undefined);
    if (fieldsOf(part)['type'] === 'finish') this.#complete();
  }

  /** The stream ended by itself. One that ended before its `finish` part was cut. */
  ended(): void {
    const { finished, errorReason } = this.#reading();
    if (finished) this.#complete();
    else this.#settle('failed', { reason: errorReason ?? 'the stream ended early' });
  }

  /** Whoever read the stream left it, or the call was aborted. */
  left(): void {
    const { errorReason } = this.#reading();
    if (errorReason !== undefined) this.#settle('failed', { reason: errorReason });
    else this.#settle(this.#abortEnd() ?? 'cancelled');
  }

  /** The call failed with `error`. One that was refused inside the model was not sent: it has no event (I1). */
  failed(error: unknown): void {
    if (BudgetExceededError.is(error)) {
      this.#ended = true;
      this.#attempt.withdraw();
      return;
    }
    const status = readSafely(() => countOf(fieldsOf(error)['statusCode']), undefined);
    const end = this.#abortEnd() ?? readSafely(() => endOf(error), 'failed');
    this.#settle(end, { ...(status === undefined ? {} : { status }), reason: errorTextOf(error) });
  }

  #complete(): void {
    const { errorReason } = this.#reading();
    if (errorReason === undefined) this.#settle('completed');
    else this.#settle('failed', { reason: errorReason });
  }

  /** How an abort by the caller's own signal ends the call; its reason may be any error. */
  #abortEnd(): AttemptEnd | undefined {
    if (this.#signal?.aborted !== true) return undefined;
    return endOf(this.#signal.reason) === 'timed-out' ? 'timed-out' : 'cancelled';
  }

  #reading() {
    return readSafely(() => this.#reader.reading(), { finished: false, outputText: '' });
  }

  #settle(end: AttemptEnd, failure: AttemptFailure = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    const { attempts, admission } = this.#outer;
    if (attempts.length > 0 && !isMeteredInside(attempts, admission.request, this.#reading())) {
      this.#outer.meterOutside();
    }
    this.#attempt.settle(end, failure);
  }
}
