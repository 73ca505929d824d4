/** What an instance keeps of its calls: those under way, and how many there were. */
import type { CallDimensions, RefuseDecision } from '../enforcement/decision.js';
import type { Attempt, AttemptSink } from './metering/attempt.js';
import { createTokenEstimator } from './metering/estimate-tokens.js';
import type { Outbox } from './metering/outbox.js';
import type { Runtime } from './runtime.js';
import { VERSION } from './version.js';

/** Counts of one instance since it was made. */
export interface CallCounters {
  /** Calls that were refused before they were sent. */
  readonly refused: number;
  /** Attempts that were sent. */
  readonly attempts: number;
  /** Attempts that were sent and not metered: `REVENIUM_SELECTIVE_METERING` is on, and no `reveniumMeter` around them. */
  readonly unmetered: number;
  /** Attempts to endpoints that no adapter knows; let through and flagged (I1). */
  readonly unknownEndpoints: number;
}

/** The calls of one instance. */
export interface CallBook {
  readonly sink: AttemptSink;
  counters(): CallCounters;
  lastRefusal(): RefuseDecision | undefined;
  /** Settles what is under way as abandoned: the instance closes, or the process ends. */
  settleOpen(): void;
  /**
   * Settles what is under way, and from now on warns once of a call that is made all the same. Returns whether it was
   * closed before.
   */
  close(): boolean;
  /** Something is metered. */
  noteUse(): void;
}

/** Opens the book of an instance. `onRefused` is told of each call that was refused; it must be cheap. */
export function createCallBook(
  runtime: Runtime,
  outbox: Outbox,
  onRefused: (decision: RefuseDecision, call: CallDimensions) => void = () => undefined,
  insight: Pick<AttemptSink, 'observer' | 'capture' | 'shelf'> = {},
): CallBook {
  let refused = 0;
  let attempts = 0;
  let unmetered = 0;
  let unknownEndpoints = 0;
  let lastRefusal: RefuseDecision | undefined;
  let isClosed = false;
  let saidClosed = false;
  const open = new Set<Attempt>();
  const noteUse = () => {
    if (!isClosed || saidClosed) return;
    saidClosed = true;
    runtime.log.warn(
      'a call was made after close(): no rules are known any more, and its usage event is not delivered',
    );
  };
  const settleOpen = () => {
    for (const attempt of [...open]) attempt.settle('abandoned');
  };
  const sink: AttemptSink = {
    runtime,
    outbox,
    middlewareSource: `fusewire-node@${VERSION}`,
    open,
    ...insight,
    estimateTokens: createTokenEstimator().estimate,
    refused(decision, call) {
      refused += 1;
      lastRefusal = decision;
      onRefused(decision, call);
    },
    started(request, metered) {
      noteUse();
      attempts += 1;
      if (!metered) unmetered += 1;
      if (!request.known) unknownEndpoints += 1;
    },
  };
  return {
    sink,
    counters: () => ({ refused, attempts, unmetered, unknownEndpoints }),
    lastRefusal: () => lastRefusal,
    settleOpen,
    noteUse,
    close() {
      const wasClosed = isClosed;
      isClosed = true;
      settleOpen();
      return wasClosed;
    },
  };
}
