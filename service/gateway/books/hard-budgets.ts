/** Hard budgets of one team (DESIGN section 5, ring 3): calls under them are covered by holds that the ledger has. */
import {
  type CallCounts,
  createHolder,
  type HoldAnswer,
  type HoldAsk,
  type Holder,
  type HolderStatus,
  type HoldTicket,
  holdCallOf,
} from 'fusewire/internal';
import type { GatewayCall } from '../types.js';
import type { BookStore, GatewayBooksParts } from './parts.js';

/** A gateway that died for longer has its slices charged; a call that takes longer renews its own. */
const TTL_SECONDS = 60;
/** No caller waits longer for an answer of the store. */
const TIMEOUT_MS = 2_000;

/** What such calls consume as a rule, learnt from those that ended; `undefined`: not known yet. */
export type ExpectedOf = (call: GatewayCall) => CallCounts | undefined;

/** The escrow of one process for one team. */
export class HardBudgets {
  readonly #holder: Holder;
  readonly #expectedOf: ExpectedOf;

  constructor(
    parts: Pick<GatewayBooksParts, 'runtime' | 'log'> & {
      readonly store: Pick<BookStore, 'operateHolds'>;
      readonly expectedOf: ExpectedOf;
    },
    teamId: string,
  ) {
    const { runtime, log, store } = parts;
    this.#expectedOf = parts.expectedOf;
    this.#holder = createHolder({
      desk: { operate: (operations) => store.operateHolds(teamId, operations) },
      runtime,
      log,
      owner: `gateway ${runtime.newId()}`,
      options: { ttlSeconds: TTL_SECONDS, timeoutMs: TIMEOUT_MS },
    });
  }

  /** At once from a slice that is here, else by a round trip to the store. */
  cover(call: GatewayCall): HoldTicket | 'free' | Promise<HoldAnswer> {
    const ask = this.#askOf(call);
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

  #askOf(call: GatewayCall): HoldAsk {
    const { reading, dimensions, bound } = call;
    const expected = this.#expectedOf(call);
    return {
      call: holdCallOf(reading, dimensions),
      need: expected === undefined ? { worst: bound } : { worst: bound, expected },
    };
  }
}
