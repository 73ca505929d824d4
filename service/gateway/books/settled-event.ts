/** An event that was metered here, until the ledger has acknowledged it. */
import type { PreparedEvent } from './prepare-event.js';
import { NO_SHARES, type Share, type Weight } from './shares.js';
import type { Standing } from './standing.js';

/** States: open → acknowledged. While it is open it weighs on balances as it will in the ledger. */
export class SettledEvent implements Weight {
  readonly prepared: PreparedEvent;
  readonly #standing: Standing;
  #shares: readonly Share[] = NO_SHARES;

  constructor(prepared: PreparedEvent, standing: Standing) {
    this.prepared = prepared;
    this.#standing = standing;
    standing.weights.add(this);
    this.replace();
  }

  replace(): void {
    this.#shares = this.#standing.placeEvent(this.prepared.facts);
    for (const { cell, startMs, value, unknownCount } of this.#shares) cell.settle(startMs, value, unknownCount);
  }

  /** It is in the ledger. Once. */
  end(): void {
    if (!this.#standing.weights.delete(this)) return;
    for (const { cell, startMs, value, unknownCount } of this.#shares) {
      cell.acknowledge(startMs, value, unknownCount);
    }
    this.#shares = NO_SHARES;
  }
}
