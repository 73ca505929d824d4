/** What is set aside for one call that was admitted. */
import type { GatewayCall, Ticket } from '../types.js';
import { NO_SHARES, type Share, type Weight } from './shares.js';

/** Makes the shares of a call's bound as of the instant of its admission; asked where controls or prices are others. */
export type HoldMaker = (call: GatewayCall, atMs: number) => readonly Share[];

/**
 * States: open → ended, by whichever of its methods comes first. What the call cost counts from the moment at which its
 * event is in the outbox, so that an end has nothing to do but to give back what was set aside.
 */
export class OpenTicket implements Ticket, Weight {
  readonly #open: Set<Weight>;
  readonly #call: GatewayCall;
  readonly #atMs: number;
  readonly #make: HoldMaker;
  #shares: readonly Share[];

  constructor(call: GatewayCall, atMs: number, shares: readonly Share[], open: Set<Weight>, make: HoldMaker) {
    this.#call = call;
    this.#atMs = atMs;
    this.#shares = shares;
    this.#open = open;
    this.#make = make;
    open.add(this);
    this.#hold();
  }

  replace(): void {
    this.#shares = this.#make(this.#call, this.#atMs);
    this.#hold();
  }

  settle(): void {
    this.#end();
  }

  release(): void {
    this.#end();
  }

  #hold(): void {
    for (const { cell, startMs, value } of this.#shares) cell.hold(startMs, value);
  }

  #end(): void {
    if (!this.#open.delete(this)) return;
    for (const { cell, startMs, value } of this.#shares) cell.hold(startMs, -value);
    this.#shares = NO_SHARES;
  }
}

/** Of a call for which nothing is set aside. */
export const FREE_TICKET: Ticket = Object.freeze({ settle() {}, release() {} });
