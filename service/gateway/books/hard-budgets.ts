/** Hard budgets of one team (DESIGN section 5, ring 3): calls under them are covered by holds that the ledger has. */
import {
  createHolder,
  type ExpectedCounts,
  type HoldAnswer,
  type HoldAsk,
  type Holder,
  type HolderStatus,
  type HoldTicket,
  holdCallOf,
  holdNeedOf,
} from 'fusewire/internal';
import type { GatewayCall } from '../types.js';
import type { BookStore, GatewayBooksParts } from './parts.js';

/** A gateway that died for longer has its slices charged; a call that takes longer renews its own. */
const TTL_SECONDS = 60;
/** No caller waits longer for an answer of the store. */
const TIMEOUT_MS = 2_000;

/** What the hard budgets that concern a call go by, of all of them. */
export type HoldEstimates = 'worst-case' | 'expected';

/** What one team's {@link HardBudgets} need. */
export interface HardBudgetsParts extends Pick<GatewayBooksParts, 'runtime' | 'log' | 'holdTtlSeconds'> {
  readonly store: Pick<BookStore, 'operateHolds'>;
  /** Learnt from the calls of all teams. */
  readonly expected: ExpectedCounts;
}

/** The escrow of one process for one team. */
export class HardBudgets {
  readonly #holder: Holder;
  readonly #expected: ExpectedCounts;

  constructor(
    { runtime, log, store, expected, holdTtlSeconds: ttlSeconds = TTL_SECONDS }: HardBudgetsParts,
    teamId: string,
  ) {
    this.#expected = expected;
    this.#holder = createHolder({
      desk: { operate: (operations) => store.operateHolds(teamId, operations) },
      runtime,
      log,
      owner: `gateway ${runtime.newId()}`,
      options: { ttlSeconds, timeoutMs: TIMEOUT_MS },
    });
  }

  /** At once from a slice that is here, else by a round trip to the store. */
  cover(call: GatewayCall, estimates: HoldEstimates): HoldTicket | 'free' | Promise<HoldAnswer> {
    const ask = this.#askOf(call, estimates);
    return this.#holder.draw(ask) ?? this.#holder.take(ask);
  }

  /** These events are in the ledger. */
  acknowledged(keys: Iterable<string>): void {
    this.#holder.acknowledged(keys);
  }

  /** These never will be. */
  lost(keys: Iterable<string>): void {
    this.#holder.lost(keys);
  }

  /** Controls or prices may be others. */
  forget(): void {
    this.#holder.forget();
  }

  status(): HolderStatus {
    return this.#holder.status();
  }

  /** Gives back what is not needed, bounded in time. */
  close(): Promise<void> {
    return this.#holder.close();
  }

  /** How much output a call turned out to have, as its provider reported it; `undefined`: nobody asks. */
  observer({ reading, dimensions }: GatewayCall, { parts }: HoldTicket): ((outputTokens: number) => void) | undefined {
    if (!parts.some(({ estimate }) => estimate === 'expected')) return undefined;
    return (outputTokens) => this.#expected.observe(reading, dimensions, outputTokens);
  }

  /** What is expected takes longer to say than all the rest: only where a budget goes by it. */
  #askOf({ reading, dimensions, bound }: GatewayCall, estimates: HoldEstimates): HoldAsk {
    const isExpected = estimates === 'expected';
    return {
      call: holdCallOf(reading, dimensions),
      need: isExpected ? holdNeedOf(bound, reading, dimensions, this.#expected) : { worst: bound },
    };
  }
}
