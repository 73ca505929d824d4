/** What calls and events weigh on balances, told of and taken back as one. */
import type { Cell } from './cell.js';

/** What one event or call weighs on one balance in one window. */
export interface Share {
  readonly cell: Cell;
  readonly startMs: number;
  readonly value: bigint;
  readonly unknownCount: bigint;
}

/** Nothing weighs on anything. */
export const NO_SHARES: readonly Share[] = Object.freeze([]);

/** Whatever weighs on balances now: told anew where controls, prices or departments are others. */
export interface Weight {
  /** Its old shares are gone already. */
  replace(): void;
}
