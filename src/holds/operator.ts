/** Does operations on purses: each has a sequence, an outcome is taken over whole, one that is lost heals with the next. */
import type { Runtime } from '../runtime.js';
import type { Courier } from './courier.js';
import { HoldDeskError } from './desk-error.js';
import type { HoldOperation, HoldOutcome, HoldRefusal } from './hold-types.js';
import type { Purse } from './purse.js';

/** What became of an operation, after the purse has taken it over. */
export type Performed =
  | { readonly kind: 'held' }
  | { readonly kind: 'free' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'refused'; readonly refusal: HoldRefusal; readonly outcome: HoldOutcome & { outcome: 'refused' } }
  | { readonly kind: 'failed'; readonly reason: string };

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 2_000;
/** An operation that fails sooner is sent once more at once: a connection that was cut, most often. */
const QUICK_MS = 500;

/** Sends operations and applies what comes back. Slows down while the desk fails, and recovers by itself (I9). */
export class Operator {
  /** Of the controls, as the service said it last. */
  version: string | undefined;
  readonly #courier: Courier;
  readonly #runtime: Runtime;
  readonly #doubt: (id: string, isLost: boolean) => void;
  #pauseMs = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #reason = '';

  /** `doubt` is told of ids that were not granted, but of which another request could still make a hold. */
  constructor(courier: Courier, runtime: Runtime, doubt: (id: string, isLost: boolean) => void) {
    this.#courier = courier;
    this.#runtime = runtime;
    this.#doubt = doubt;
  }

  /** Why nothing is sent for the moment; `undefined`: something can be. */
  get obstacle(): string | undefined {
    return this.#runtime.monotonicNow() < this.#pausedUntilMs ? this.#reason : undefined;
  }

  /** The purse must have no operation under way. Never rejects. */
  perform(purse: Purse, operation: HoldOperation): Promise<Performed> {
    const performed = this.#perform(purse, operation).finally(() => {
      purse.operation = undefined;
    });
    purse.operation = performed;
    return performed;
  }

  async #perform(purse: Purse, operation: HoldOperation): Promise<Performed> {
    const sentAtMs = this.#runtime.monotonicNow();
    const { included } = purse;
    purse.sentAtMs = sentAtMs;
    if (operation.op === 'give-back') purse.frozenBy = operation.sequence;
    let isLost = purse.wasLost;
    try {
      const outcome = await this.#courier.send(operation).catch((error: unknown) => {
        if (isRefusal(error) || this.#runtime.monotonicNow() - sentAtMs > QUICK_MS) throw error;
        isLost = true;
        return this.#courier.send(operation);
      });
      const performed = this.#apply(purse, operation, outcome, sentAtMs, included);
      this.#pauseMs = 0;
      this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
      if (operation.op === 'take' && performed.kind === 'refused') this.#doubt(purse.id, isLost);
      return performed;
    } catch (error) {
      return this.#failed(purse, operation, error, isLost);
    }
  }

  #apply(
    purse: Purse,
    operation: HoldOperation,
    outcome: HoldOutcome,
    sentAtMs: number,
    included: readonly bigint[],
  ): Performed {
    switch (outcome.outcome) {
      case 'held':
        purse.confirm(outcome.hold, outcome.rates, sentAtMs, included, outcome.rates !== undefined);
        this.version = outcome.version;
        purse.version ??= outcome.version;
        purse.wasLost = false;
        return { kind: purse.state === 'ended' ? 'gone' : 'held' };
      case 'refused':
        if (outcome.hold !== undefined && operation.op !== 'take') {
          purse.confirm(outcome.hold, outcome.rates, sentAtMs, included);
        }
        this.version = outcome.version;
        if (operation.op === 'take') purse.state = 'ended';
        return { kind: 'refused', refusal: outcome.refusal, outcome };
      case 'free':
        this.version = outcome.version;
        // An extend that finds no control any more: what is held waits for its calls, and goes.
        purse.state = operation.op === 'take' ? 'ended' : 'leaving';
        return { kind: 'free' };
      case 'gone':
        this.version = outcome.version;
        // An expired hold is not extended; what was charged for it can still be given back.
        if (operation.op === 'extend') purse.expire();
        else purse.state = 'ended';
        return { kind: 'gone' };
      default:
        throw new HoldDeskError('the service answered in words that are not known here');
    }
  }

  #failed(purse: Purse, operation: HoldOperation, error: unknown, wasLost: boolean): Performed {
    const reason = error instanceof Error ? error.message : String(error);
    if (isRefusal(error)) {
      // It was not done. A request before it, under the same id, may have been.
      if (operation.op === 'take') {
        purse.state = 'ended';
        if (wasLost) this.#doubt(purse.id, true);
      }
      return { kind: 'failed', reason };
    }
    purse.wasLost = true;
    this.#pauseMs = Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, this.#pauseMs * 2));
    const share = 0.5 + this.#runtime.random() / 2;
    this.#pausedUntilMs = this.#runtime.monotonicNow() + this.#pauseMs * share;
    this.#reason = reason;
    return { kind: 'failed', reason };
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof HoldDeskError && error.isRefused;
}
