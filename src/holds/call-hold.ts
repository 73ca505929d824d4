/** What one call was admitted against, from the decision to its usage event. */
import type { CallBound, CallCounts } from '../bound/types.js';
import type { UsageEvent } from '../wire/usage-event.js';
import type { HoldTicket } from './holder-types.js';

/** How the reactions of a hard budget changed a call before it was let through. */
export interface CallAdjustment {
  /** The output limit that was put in, or the lower one that took its place. */
  readonly maxTokens?: number;
  /** The model that is asked instead. */
  readonly model?: string;
  readonly downgradedFrom?: string;
  readonly waitedMs?: number;
}

/**
 * A ticket on its way. States: kept → begun → ended, or kept → ended where the request never leaves. No method throws, and
 * the first end counts.
 */
export class CallHold {
  readonly #ticket: HoldTicket;
  readonly #worst: CallBound;
  readonly #observe: ((outputTokens: number) => void) | undefined;
  #keeper: UnbegunHolds | undefined;
  /** Only while an abort would give it back. */
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  #isEnded = false;

  /** `observe` is told how much output the provider reported. */
  constructor(ticket: HoldTicket, worst: CallBound, observe?: (outputTokens: number) => void) {
    this.#ticket = ticket;
    this.#worst = worst;
    this.#observe = observe;
  }

  /** What the usage event names. */
  get id(): string {
    return this.#ticket.holdId;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get ticket(): HoldTicket {
    return this.#ticket;
  }

  /** The bound of the call. */
  get worst(): CallBound {
    return this.#worst;
  }

  /** Until it is begun, `keeper` sees to it that it is not forgotten; where the caller leaves before, it is given back. */
  keptBy(keeper: UnbegunHolds, signal: AbortSignal | undefined): this {
    this.#keeper = keeper;
    keeper.add(this);
    if (signal === undefined) return this;
    if (signal.aborted) {
      this.release();
      return this;
    }
    this.#signal = signal;
    this.#onAbort = () => this.release();
    signal.addEventListener('abort', this.#onAbort, ONCE);
    return this;
  }

  /** The request leaves. `false`: it waited too long for that, and was given back. */
  begin(): boolean {
    this.#leaveKeeper();
    return !this.#isEnded;
  }

  /** The call is metered by `event`, which the outbox knows as `key`. Usage that nobody knows counts as the bound (I5). */
  settle(event: UsageEvent, key: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#leaveKeeper();
    // It is there again at once: who asks a provider that is busy asks again, and may have no more than for one call.
    if (costNothing(event)) this.#ticket.release();
    else this.#ticket.settle(consumedBy(event) ?? mostOf(this.#worst), key);
    if (event.attributes?.['usageState'] === 'reported' && event.attributes['end'] === 'completed') {
      this.#observe?.(event.outputTokenCount);
    }
  }

  /** Nothing was consumed: it was not sent, or somebody else meters it. */
  release(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#leaveKeeper();
    this.#ticket.release();
  }

  #leaveKeeper(): void {
    this.#keeper?.delete(this);
    if (this.#signal === undefined || this.#onAbort === undefined) return;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#signal = undefined;
  }
}

const ONCE = Object.freeze({ once: true });

/** What waits for its request to leave. A client may throw in between, and tells nobody. */
export interface UnbegunHolds {
  add(hold: CallHold): void;
  delete(hold: CallHold): void;
}

/**
 * At least what an event counts as; `undefined` where it does not say. Cache tokens are in the input count with some providers and
 * beside it with others: both are added, because too much is given back as soon as the ledger has the event.
 */
export function consumedBy(event: UsageEvent): CallCounts | undefined {
  if (event.attributes?.['usageState'] === 'unknown') return undefined;
  const input = event.inputTokenCount + (event.cacheReadTokenCount ?? 0) + (event.cacheCreationTokenCount ?? 0);
  const output = event.outputTokenCount + (event.reasoningTokenCount ?? 0);
  return {
    inputTokens: Math.max(input, event.totalTokenCount - output),
    outputTokens: output,
    images: event.actualImageCount ?? event.requestedImageCount ?? 0,
    characters: event.characterCount ?? 0,
    mediaSeconds: event.durationSeconds ?? event.requestedDurationSeconds ?? 0,
  };
}

/** A call that failed and consumed nothing is billed nothing, whatever its model costs a request; the ledger says the same. */
function costNothing(event: UsageEvent): boolean {
  const { totalCost, inputTokenCost, outputTokenCost, cacheCreationTokenCost, cacheReadTokenCost } = event;
  const costs = [totalCost, inputTokenCost, outputTokenCost, cacheCreationTokenCost, cacheReadTokenCost];
  const isPriced = costs.some((cost) => cost !== undefined);
  const consumed = event.stopReason === 'ERROR' && !isPriced ? consumedBy(event) : undefined;
  return consumed !== undefined && Object.values(consumed).every((count) => count === 0);
}

function mostOf(worst: CallBound): CallCounts {
  return {
    inputTokens: worst.inputTokensMax,
    outputTokens: worst.outputTokensMax,
    images: worst.images,
    characters: worst.characters,
    mediaSeconds: worst.mediaSeconds,
  };
}
