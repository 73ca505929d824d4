/**
 * Calls that pass two of our layers (a guarded client inside an AI SDK middleware or under a LangChain handler) are
 * decided and metered once: the outer layer decides, the innermost one that sees the HTTP attempts meters them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Admission } from './call.js';
import type { Attempt } from './metering/attempt.js';
import type { OperationType, RequestReading } from './providers/adapter.js';

/** A call of an outer layer, while what it wraps is running. */
export class OuterCall {
  /** The instance that decided: another instance inside keeps its own books (I11). */
  readonly owner: object;
  readonly admission: Admission;
  /** Attempts of clients inside that are taken for this call's. */
  readonly attempts: Attempt[] = [];
  /** Whether the layer could not run what it stands around: src/announced-calls.ts. */
  readonly isAnnounced: boolean = false;
  readonly #attempt: Attempt;
  #admissionIsTaken = false;

  /** `attempt` is the outer layer's own; it is withdrawn as soon as a layer inside begins one of the same call. */
  constructor(owner: object, admission: Admission, attempt: Attempt) {
    this.owner = owner;
    this.admission = admission;
    this.#attempt = attempt;
  }

  /** Whether a layer inside meters this call: then the outer layer has nothing to settle. */
  get isMeteredInside(): boolean {
    return this.attempts.length > 0;
  }

  /**
   * Whether a request inside can be this call: what embeds for a call that chats, as a retrieval in front of a model
   * does, is a call of its own.
   */
  covers({ operationType }: RequestReading): boolean {
    return familyOf(operationType) === familyOf(this.admission.request.operationType);
  }

  /** The decision, for the first attempt inside that asks for the same model; later attempts are decided anew. */
  takeAdmission(model: string | undefined, provider: string): Admission | undefined {
    const { request } = this.admission;
    const isSame = request.model === model && request.provider.toLowerCase() === provider.toLowerCase();
    if (this.#admissionIsTaken || !isSame) return undefined;
    this.#admissionIsTaken = true;
    return this.admission;
  }

  /** The id of the outer layer's own attempt, as long as no layer inside meters it. */
  get ownAttemptId(): string | undefined {
    return this.isMeteredInside ? undefined : this.#attempt.id;
  }

  /** A layer inside holds for this call from now on. */
  releaseHold(): void {
    this.#attempt.releaseHold();
  }

  /** What was metered inside was another call after all: the outer layer's own attempt counts again. */
  meterOutside(): void {
    this.#attempt.reinstate();
  }

  /** A layer inside begins an attempt of this call: from now on it is the one that meters. */
  meterInside(attempt: Attempt): void {
    this.attempts.push(attempt);
    if (this.attempts.length === 1) this.#attempt.withdraw();
  }
}

/** Operations that one and the same request may be called by two layers. */
function familyOf(operation: OperationType): string {
  return /^(CHAT|GENERATE|VISION|CLASSIFY|SUMMARIZE|TRANSLATE|TOOL_CALL|TRANSFORM)$/.test(operation)
    ? 'CHAT'
    : operation;
}

/** Shared by every copy of this package; made at the first use, because it slows every later `await` on Node 20. */
const STORAGE = Symbol.for('fusewire.outer-call');
type Shared = { [STORAGE]?: AsyncLocalStorage<OuterCall> };

/** The outer call of this instance that the calling code runs in. */
export function currentOuterCall(owner: object): OuterCall | undefined {
  const outer = (globalThis as Shared)[STORAGE]?.getStore();
  return outer?.owner === owner ? outer : undefined;
}

/**
 * Makes `outer` the outer call of the calling asynchronous context and of everything that it begins from now on: for
 * layers that cannot run what they stand around (`AnnouncedCalls`). Without one: from now on contexts are kept,
 * which has to begin before the first promise of a run is made.
 */
export function enterOuter(outer?: OuterCall): void {
  const shared = globalThis as Shared;
  shared[STORAGE] ??= new AsyncLocalStorage<OuterCall>();
  if (outer !== undefined) shared[STORAGE].enterWith(outer);
  // Node 20 does nothing for a store that is the present one.
  else shared[STORAGE].run(Object.create(null), () => undefined);
}

/** Runs `task`, the wrapped call, so that guarded clients inside know of the layer around them; without one, of none. */
export function runInside<T>(outer: OuterCall | undefined, task: () => T): T {
  const shared = globalThis as Shared;
  shared[STORAGE] ??= new AsyncLocalStorage<OuterCall>();
  return shared[STORAGE].run(outer as OuterCall, task);
}
