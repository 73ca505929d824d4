/** How long a failed transaction is tried again: until the time is over, then briefly until the database is back. */
import type { Runtime } from 'fusewire/internal';

const FIRST_MS = 20;
const LONGEST_MS = 1_000;
/** While the database is known to be gone: who asks is told so soon, and one of them finds out when it is back. */
const BRIEF_MS = 1_000;

/** One per store: what one transaction finds out about the database is known to all. */
export class Patience {
  readonly #runtime: Runtime;
  readonly #longMs: number;
  #gone = false;

  constructor(runtime: Runtime, longMs: number) {
    this.#runtime = runtime;
    this.#longMs = longMs;
  }

  /** Begins to be patient. */
  start(): Attempts {
    const untilMs = this.#runtime.monotonicNow() + (this.#gone ? BRIEF_MS : this.#longMs);
    return new Attempts(this.#runtime, untilMs);
  }

  /** The database answered. */
  found(): void {
    this.#gone = false;
  }

  /** It did not, for as long as patience went. */
  missed(): void {
    this.#gone = true;
  }
}

/** The attempts of one transaction. */
export class Attempts {
  readonly #runtime: Runtime;
  readonly #untilMs: number;
  #delayMs = FIRST_MS;

  constructor(runtime: Runtime, untilMs: number) {
    this.#runtime = runtime;
    this.#untilMs = untilMs;
  }

  /** Waits before the next attempt; `false` where there is no time for one. */
  async again(): Promise<boolean> {
    const delayMs = this.#delayMs * (0.5 + this.#runtime.random() / 2);
    if (this.#runtime.monotonicNow() + delayMs >= this.#untilMs) return false;
    this.#delayMs = Math.min(LONGEST_MS, this.#delayMs * 2);
    await new Promise<void>((resolve) => this.#runtime.setTimer(resolve, delayMs, { keepAlive: true }));
    return true;
  }
}
