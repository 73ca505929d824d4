/**
 * Calls that pass two of our layers (a guarded client inside an AI SDK middleware or under a LangChain handler) are
 * decided and metered once: the outer layer decides, the innermost one that sees the HTTP attempts meters them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Admission } from './call.js';
import type { Attempt } from './metering/attempt.js';

/** A call of an outer layer, while what it wraps is running. */
export class OuterCall {
  /** The instance that decided: another instance inside keeps its own books (I11). */
  readonly owner: object;
  readonly admission: Admission;
  readonly #attempt: Attempt;
  #admissionIsTaken = false;
  #insideAttempts = 0;

  /** `attempt` is the outer layer's own; it is withdrawn as soon as a layer inside begins one of the same call. */
  constructor(owner: object, admission: Admission, attempt: Attempt) {
    this.owner = owner;
    this.admission = admission;
    this.#attempt = attempt;
  }

  /** Whether a layer inside meters this call: then the outer layer has nothing to settle. */
  get isMeteredInside(): boolean {
    return this.#insideAttempts > 0;
  }

  /** The decision, for the first attempt inside that asks for the same model; later attempts are decided anew. */
  takeAdmission(model: string | undefined, provider: string): Admission | undefined {
    const { request } = this.admission;
    const isSame = request.model === model && request.provider.toLowerCase() === provider.toLowerCase();
    if (this.#admissionIsTaken || !isSame) return undefined;
    this.#admissionIsTaken = true;
    return this.admission;
  }

  /** What was metered inside was another call after all: the outer layer's own attempt counts again. */
  meterOutside(): void {
    this.#attempt.reinstate();
  }

  /** A layer inside is about to begin an attempt: from now on it is the one that meters. */
  meterInside(): void {
    this.#insideAttempts += 1;
    if (this.#insideAttempts === 1) this.#attempt.withdraw();
  }
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
  else shared[STORAGE].run(shared[STORAGE].getStore() as OuterCall, () => undefined);
}

/** Runs `task`, the wrapped call, so that guarded clients inside know of the layer around them. */
export function runInside<T>(outer: OuterCall, task: () => T): T {
  const shared = globalThis as Shared;
  shared[STORAGE] ??= new AsyncLocalStorage<OuterCall>();
  return shared[STORAGE].run(outer, task);
}
