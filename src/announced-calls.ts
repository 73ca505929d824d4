/**
 * Calls of a layer that is only told of them (LangChain's callbacks) and so cannot run what it stands around: which
 * guarded client inside belongs to which of them.
 *
 * A callback leaves its call as a trail in the asynchronous context of the model's run, and the attempts inside follow
 * it. A queue in between (LangChain's `maxConcurrency`) may start one run in the context of another: then the prompt
 * says whose the attempt is. At the end the answer is compared with those of the attempts inside: an attempt that was
 * taken for the call's and is not never costs the call its event, and one that was missed is found by the provider's id.
 */
import type { Attempt } from './metering/attempt.js';
import { enterOuter, OuterCall } from './outer-call.js';
import type { RequestReading } from './providers/adapter.js';

/** Attempts inside that are remembered while calls are running; more are forgotten, oldest first (I10). */
const ATTEMPTS_MAX = 1000;

/** A call that was announced and has not ended. */
export class AnnouncedCall extends OuterCall {
  override readonly isAnnounced = true;
  /** A text that every request of this call contains; empty where there is none. */
  readonly promptPart: string;
  /** Calls whose prompts may go out in one request with this one's; this one among them. */
  readonly together: AnnouncedCall[];
  isRunning = true;

  constructor(owner: object, { admission, attempt }: Begun, { promptPart, together }: Announcement) {
    super(owner, admission, attempt);
    this.promptPart = promptPart;
    this.together = together;
    together.push(this);
  }

  /** Whether an attempt of this call has its answer: what comes next is no retry of it. */
  get isAnswered(): boolean {
    return this.attempts.some(({ answer }) => answer.finished && answer.errorReason === undefined);
  }

  /** An attempt that carries the prompts of several calls meters all of them. */
  override meterInside(attempt: Attempt): void {
    this.#take(attempt);
    if (this.together.length === 1) return;
    const prompt = attempt.request.promptText();
    for (const call of this.together) {
      if (call !== this && call.isRunning && prompt.includes(call.promptPart)) call.#take(attempt);
    }
  }

  #take(attempt: Attempt): void {
    super.meterInside(attempt);
  }
}

/** A call that was let through and begun by the layer itself. */
export interface Begun {
  readonly admission: OuterCall['admission'];
  readonly attempt: Attempt;
}

/** What a layer says of its call. */
export interface Announcement {
  /** A text that every request of the call contains; empty where there is none. */
  readonly promptPart: string;
  /** A list of its own, or that of calls whose prompts may go out in one request. */
  readonly together: AnnouncedCall[];
}

/** The announced calls of one instance. No method throws. */
export class AnnouncedCalls {
  readonly #running = new Set<AnnouncedCall>();
  #attempts: Attempt[] = [];

  /**
   * From here on, what the calling asynchronous context does belongs to `call`, until {@link end}. `attempt` is the
   * layer's own, which has just begun.
   */
  announce(call: AnnouncedCall, attempt: Attempt): void {
    if (this.#attempts.at(-1) === attempt) this.#attempts.pop();
    this.#running.add(call);
    enterOuter(call);
  }

  /** The call that a request belongs to, which is made on the trail of `trail`. */
  callOf(trail: AnnouncedCall, request: RequestReading): AnnouncedCall | undefined {
    const prompt = request.promptText();
    const fits = (call: AnnouncedCall) => call.covers(request) && prompt.includes(call.promptPart);
    // A trail outlives its call where a queue goes on in its context: then it only says that this is such a queue.
    const isTrail = trail.isRunning && fits(trail);
    if (isTrail && !trail.isAnswered) return trail;
    for (const call of this.#running) {
      if (call !== trail && call.attempts.length === 0 && isSameModel(call, request) && fits(call)) return call;
    }
    if (isTrail || !trail.isRunning) return isTrail ? trail : undefined;
    return trail.covers(request) && isSameModel(trail, request) && !trail.isAnswered ? trail : undefined;
  }

  /** A guarded client begins an attempt; one that was missed is found here when its call ends. */
  began(attempt: Attempt): void {
    if (this.#running.size === 0) return;
    this.#attempts.push(attempt);
    if (this.#attempts.length > 2 * ATTEMPTS_MAX) this.#attempts = this.#attempts.slice(-ATTEMPTS_MAX);
  }

  /**
   * The call is over. Returns whether what it got was metered inside. `ids` are those of its answer that may be the
   * provider's; missing where it got none.
   */
  end(call: AnnouncedCall, ids: readonly string[] = []): boolean {
    call.isRunning = false;
    this.#running.delete(call);
    const attempts = this.#attempts;
    if (this.#running.size === 0) this.#attempts = [];
    if (call.attempts.length > 0 && !contradicts(call.attempts, ids)) return true;
    const isMetered = (attempt: Attempt) => !attempt.withdrawn || attempt.isMeteredByGateway;
    return attempts.some((attempt) => isMetered(attempt) && isOneOf(attempt.answer.responseId, ids));
  }
}

function isOneOf(id: string | undefined, ids: readonly string[]): boolean {
  return id !== undefined && id !== '' && ids.includes(id);
}

/** Whether the answer came from none of these attempts, for all that is known. In doubt it did. */
function contradicts(attempts: readonly Attempt[], ids: readonly string[]): boolean {
  let isComparable = false;
  for (const { answer } of attempts) {
    const { responseId } = answer;
    if (responseId === undefined || isOneOf(responseId, ids)) return false;
    isComparable ||= ids.some((id) => kindOf(id) === kindOf(responseId));
  }
  return isComparable;
}

/** What ids of one provider have in common: `chatcmpl` of `chatcmpl-9x`. */
function kindOf(id: string): string {
  return /^[A-Za-z]+(?=[-_])/.exec(id)?.[0] ?? id;
}

function isSameModel({ admission }: AnnouncedCall, request: RequestReading): boolean {
  return admission.request.model === request.model;
}
