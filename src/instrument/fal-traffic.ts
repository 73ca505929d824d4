/** Every request to fal as HTTP sees it: decided, sent, and its answer watched. Shared by fal's client and by the guarded fetch. */
import type { Admission, CallPath } from '../call.js';
import type { Attempt } from '../metering/attempt.js';
import { type FalRequestReading, falAdapter } from '../providers/fal.js';
import type { Runtime } from '../runtime.js';
import { reasonOf } from './answer-watch.js';
import { FalQueue } from './fal-queue.js';
import { endOf } from './metered-call.js';
import { tapResponse } from './tap-response.js';

/** A request that is about to leave. */
export interface FalSending {
  readonly reading: FalRequestReading;
  /** Usage metadata that was given with it. */
  readonly metadata: unknown;
  /** The decision, where it was taken before. */
  readonly admission?: Admission | undefined;
  readonly signal?: AbortSignal | undefined;
  send(): Promise<Response>;
  /** Is told the attempt, once it begins. */
  began?(attempt: Attempt): void;
  /** Is told the id under which it was queued. */
  queued?(requestId: string): void;
}

/** One for each client, or each guarded fetch. */
export class FalTraffic {
  readonly queue: FalQueue;
  readonly #path: CallPath;

  constructor(path: CallPath, runtime: Runtime) {
    this.#path = path;
    this.queue = new FalQueue(path, runtime);
  }

  /**
   * Sends a request and returns its answer, the very object.
   *
   * @throws BudgetExceededError when it is refused; whatever `send` throws.
   */
  async pass(sending: FalSending): Promise<Response> {
    const { reading } = sending;
    if (reading.kind === 'free') return this.#free(sending);
    return reading.kind === 'poll' ? this.#result(sending) : this.#call(sending);
  }

  async #free({ reading, send }: FalSending): Promise<Response> {
    const response = await send();
    // What runs already may go on, and be billed: that it was cancelled says nothing of what it cost.
    if (reading.cancels && response.ok) this.queue.end(reading.queuedId ?? '', 'cancelled');
    return response;
  }

  async #result({ reading, metadata, send, signal }: FalSending): Promise<Response> {
    const response = await send();
    const known = this.queue.readingFor(reading);
    const reader = falAdapter.createUsageReader(known);
    const attempt = this.queue.result(reading, metadata, reader);
    if (attempt === undefined) return response;
    return tapResponse(response, attempt, reader, { streaming: false, endOf, signal });
  }

  async #call(sending: FalSending): Promise<Response> {
    const { reading, metadata, signal } = sending;
    const admitted = sending.admission ?? this.#path.admit(reading, metadata);
    const secured = this.#path.secure(admitted, () => ({ signal }));
    const admission = secured instanceof Promise ? await secured : secured;
    // Aborted before: nothing leaves.
    if (signal?.aborted === true) {
      admission.hold?.release();
      return sending.send();
    }
    const attempt = this.#path.begin(admission);
    sending.began?.(attempt);
    let response: Response;
    try {
      response = await sending.send();
    } catch (error) {
      attempt.settle(endOf(error), { reason: reasonOf(error) });
      throw error;
    }
    const reader = falAdapter.createUsageReader(reading);
    const watched = reading.submits
      ? this.queue.submission(attempt, reading, reader, (id) => sending.queued?.(id))
      : attempt;
    return tapResponse(response, watched, reader, { streaming: reading.streaming, endOf, signal });
  }
}
