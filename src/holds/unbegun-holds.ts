/** Holds whose request has not left: given back after a while, so that none is forgotten (I7). */
import type { Runtime, Timer } from '../runtime.js';
import type { CallHold, UnbegunHolds } from './call-hold.js';

/** Between a decision and its request a client does little: it asks for a token of its own at most. */
const UNBEGUN_MAX_MS = 60_000;

/** One for an instance. There is a timer only while something waits. */
export class UnbegunHoldSet implements UnbegunHolds {
  readonly #runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>;
  readonly #since = new Map<CallHold, number>();
  #timer: Timer | undefined;

  constructor(runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>) {
    this.#runtime = runtime;
  }

  add(hold: CallHold): void {
    this.#since.set(hold, this.#runtime.monotonicNow());
    this.#timer ??= this.#runtime.setTimer(() => this.#sweep(), UNBEGUN_MAX_MS);
  }

  delete(hold: CallHold): void {
    this.#since.delete(hold);
  }

  get size(): number {
    return this.#since.size;
  }

  /** Gives back all of them, at the end. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const hold of [...this.#since.keys()]) hold.release();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#runtime.monotonicNow();
    let oldest: number | undefined;
    for (const [hold, since] of this.#since) {
      if (now - since >= UNBEGUN_MAX_MS) hold.release();
      else oldest ??= since;
    }
    if (oldest === undefined) return;
    this.#timer = this.#runtime.setTimer(() => this.#sweep(), Math.max(1, oldest + UNBEGUN_MAX_MS - now));
  }
}
