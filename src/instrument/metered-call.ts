/** One call of a client's method, from its admission to the event of each of its attempts. */
import type { Admission, CallPath } from '../call.js';
import type { CallAdjustment } from '../holds/call-hold.js';
import type { Attempt, AttemptEnd, AttemptFailure } from '../metering/attempt.js';
import type { SentRequest } from '../metering-gateways.js';
import type { UsageReader } from '../providers/adapter.js';
import { coverOf, type StreamCover } from './stream-cover.js';

/** The non-enumerable property of an answer, and of every chunk, that names its usage event. */
export const TRANSACTION_ID_PROPERTY = '_revenium_transaction_id';
/** Beside it, where a hard budget changed the call before it was let through. */
export const ADJUSTED_PROPERTY = '_fusewire_adjusted';

const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT']);
const CAUSE_DEPTH_MAX = 5;
const CHARACTERS_PER_TOKEN = 4;

/**
 * Tells the attempt of one call what came back, where the instrument sees parsed answers. No method throws but
 * {@link sent}, and that only for a second request of the same call that the guard refuses.
 */
export class MeteredCall {
  readonly #path: CallPath;
  readonly #createReader: () => UsageReader;
  readonly #callMetadata: unknown;
  #admission: Admission;
  #reader: UsageReader;
  #attempt: Attempt | undefined;
  /** The next request is a retry that was decided on. */
  #isAgain = false;
  #status: number | undefined;
  #cover: StreamCover | undefined;
  /** While no head of an answer came. */
  #waitingFor: SentRequest | undefined;

  constructor(path: CallPath, admission: Admission, callMetadata: unknown, createReader: () => UsageReader) {
    this.#path = path;
    this.#admission = admission;
    this.#callMetadata = callMetadata;
    this.#createReader = createReader;
    this.#reader = createReader();
  }

  /** The endpoint's name. */
  get endpoint(): string {
    return this.#admission.request.endpoint;
  }

  /** Whether a request of this call was seen leaving. */
  get wasSent(): boolean {
    return this.#attempt !== undefined;
  }

  /**
   * A request leaves. The second one of a call is the client's own retry: another attempt, decided like a call, which
   * may have to be waited for ({@link again}). `request` is known where the instrument sees HTTP.
   *
   * @throws BudgetExceededError when that other attempt is refused.
   */
  sent(request?: SentRequest): void {
    if (this.#attempt !== undefined && !this.#isAgain) this.#renew(this.#path.secureNow(this.#admitAgain()));
    this.#isAgain = false;
    this.#attempt = this.#path.begin(this.#admission);
    this.#waitingFor = request;
  }

  /**
   * Before {@link sent}, where that can wait. At once for the first request of a call.
   *
   * @throws BudgetExceededError when the other attempt is refused.
   */
  again(signal?: AbortSignal): Promise<void> | undefined {
    if (this.#attempt === undefined) return undefined;
    const secured = this.#path.secure(this.#admitAgain(), () => ({ signal }));
    if (secured instanceof Promise) return secured.then((admission) => this.#renew(admission));
    this.#renew(secured);
    return undefined;
  }

  /**
   * Waits for what a hard budget sets aside for the first request; at once where there is none.
   *
   * @throws BudgetExceededError when it is refused.
   */
  secure(canWait: boolean): Promise<void> | undefined {
    const secured = canWait ? this.#path.secure(this.#admission) : this.#path.secureNow(this.#admission);
    const keep = (admission: Admission) => {
      this.#admission = admission;
    };
    if (secured instanceof Promise) return secured.then(keep);
    keep(secured);
    return undefined;
  }

  #admitAgain(): Admission {
    this.settle('failed', { reason: 'the client sent the request again' });
    return this.#path.admit(this.#admission.request, this.#callMetadata);
  }

  #renew(admission: Admission): void {
    this.#isAgain = true;
    this.#admission = admission;
    this.#reader = this.#createReader();
    this.#status = undefined;
  }

  /** No request of this call leaves any more: what was set aside for one is free. */
  unsent(): void {
    if (this.#attempt === undefined) this.#admission.hold?.release();
  }

  /** The head of the answer is there; without one where the instrument does not see HTTP. */
  answered(response?: Response): void {
    const request = this.#waitingFor;
    this.#waitingFor = undefined;
    this.#status = response === undefined || response.ok ? undefined : response.status;
    if (this.#attempt === undefined) return;
    const { gateways } = this.#path;
    if (request !== undefined && response !== undefined) gateways.answered(this.#attempt, response, request);
    const cover = this.#coverOf(this.#attempt, response);
    this.#cover = cover;
    const reader = this.#reader;
    this.#attempt.answered(cover === undefined ? () => reader.reading() : () => cover.reading(reader.reading()));
  }

  #coverOf({ hold, id }: Attempt, response: Response | undefined): StreamCover | undefined {
    const { request } = this.#admission;
    // Only of Ollama's clients it is known what they take for a last chunk.
    if (hold === undefined || request.provider !== 'OLLAMA') return undefined;
    return coverOf(hold, request, {
      inputTokens: () => Math.ceil(request.promptText().length / CHARACTERS_PER_TOKEN),
      nowMs: () => Date.parse(response?.headers?.get('date') ?? '') || 0,
      newId: () => id,
    });
  }

  /** Of a streamed answer that was admitted against a hold: absent where nothing is to be waited for or cut. */
  get cover(): StreamCover | undefined {
    return this.#cover;
  }

  /** Ends a streamed answer here: returns the chunk that its client takes for the last one. */
  cut(): unknown {
    const ending = JSON.parse(this.#cover!.cut().toString('utf8')) as unknown;
    this.settle('completed');
    this.expose(ending);
    return ending;
  }

  /** The whole answer, parsed. */
  whole(body: unknown): void {
    this.#attempt?.progressed();
    this.#reader.whole(body);
    const { errorReason } = this.#reader.reading();
    if (errorReason === undefined) this.settle('completed');
    else this.settle('failed', { reason: errorReason });
    this.expose(body);
  }

  /** One parsed chunk of a streamed answer. */
  chunk(data: unknown): void {
    this.#attempt?.progressed();
    this.#attempt?.firstToken();
    this.#cover?.gauge.chunk(data);
    this.#cover?.look();
    this.#reader.chunk(data);
    this.expose(data);
    if (this.#attempt?.settled !== false) return;
    const { finished, errorReason } = this.#reader.reading();
    if (errorReason !== undefined) this.settle('failed', { reason: errorReason });
    else if (finished) this.settle('completed');
  }

  /** The stream ended by itself. One that ended before the provider said so was cut. */
  ended(isCompleteWithoutMark: boolean): void {
    if (isCompleteWithoutMark || this.#reader.reading().finished) this.settle('completed');
    else this.settle('failed', { reason: 'the stream ended early' });
  }

  /** The caller left the stream. */
  left(): void {
    this.settle('cancelled');
  }

  /** The call failed with `error`, the client's own. */
  failed(error: unknown): void {
    this.settle(endOf(error), {
      ...(this.#status === undefined ? {} : { status: this.#status }),
      reason: messageOf(error),
    });
  }

  /** Names the usage event on an answer or a chunk; a frozen one goes without. */
  expose(answer: unknown): void {
    if (typeof answer !== 'object' || answer === null || this.#attempt === undefined) return;
    const { request, adjustment } = this.#admission;
    nameAdjustment(answer, adjustment);
    Reflect.defineProperty(answer, TRANSACTION_ID_PROPERTY, {
      value: this.#attempt.gatewayId ?? (request.idsAreUnique ? this.#attempt.transactionId : this.#attempt.id),
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }

  /** Ends the attempt under way; the first end counts. */
  settle(end: AttemptEnd, failure: AttemptFailure = {}): void {
    if (this.#attempt === undefined) return;
    if (this.#waitingFor !== undefined) this.#path.gateways.unanswered(this.#attempt, end, this.#waitingFor);
    this.#attempt.settle(end, failure);
  }
}

/** Tells on an answer what a hard budget changed: `{maxTokens, model, waitedMs}`, each only where it was changed. */
export function nameAdjustment(answer: object, adjustment: CallAdjustment | undefined): void {
  if (adjustment === undefined) return;
  const { downgradedFrom: _, ...value } = adjustment;
  Reflect.defineProperty(answer, ADJUSTED_PROPERTY, { value, enumerable: false, configurable: true, writable: true });
}

/** What the error of a client says about how the attempt ended. */
export function endOf(error: unknown): AttemptEnd {
  let candidate = error;
  for (let depth = 0; depth < CAUSE_DEPTH_MAX; depth += 1) {
    if (typeof candidate !== 'object' || candidate === null) break;
    const { name, code, cause } = candidate as { name?: unknown; code?: unknown; cause?: unknown };
    if (name === 'TimeoutError' || TIMEOUT_CODES.has(String(code))) return 'timed-out';
    if (name === 'AbortError') return 'cancelled';
    candidate = cause;
  }
  return 'failed';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
