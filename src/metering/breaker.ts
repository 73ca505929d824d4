/** Delivery's own breaker: a service that is down is not asked again and again. */

/** `open`: nothing is sent. `half-open`: one request at a time finds out whether the service is back. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** Contract 1.4: 5 failures in 60 s open it for 30 s, 3 successes close it again. */
const FAILURES_MAX = 5;
const FAILURE_WINDOW_MS = 60_000;
const OPEN_MS = 30_000;
const SUCCESSES_TO_CLOSE = 3;

/**
 * States: closed → (5 failures in a row within 60 s) → open → (30 s) → half-open → (3 successes) → closed, and back to
 * open at the first failure. Time is given in, in monotonic milliseconds.
 */
export class Breaker {
  #state: BreakerState = 'closed';
  #failures: number[] = [];
  #successes = 0;
  #openUntil = 0;

  /** The state at `now`: the end of the open time shows here. */
  state(now: number): BreakerState {
    if (this.#state === 'open' && now >= this.#openUntil) this.probe();
    return this.#state;
  }

  /** Milliseconds until it is half-open; 0 where it is not open. */
  openForMs(now: number): number {
    return this.state(now) === 'open' ? this.#openUntil - now : 0;
  }

  /** Ends the open time early, to try once more. */
  probe(): void {
    if (this.#state !== 'open') return;
    this.#state = 'half-open';
    this.#successes = 0;
  }

  /** The service answered, whatever it said. */
  success(): void {
    this.#failures = [];
    if (this.#state !== 'half-open') return;
    this.#successes += 1;
    if (this.#successes >= SUCCESSES_TO_CLOSE) this.#state = 'closed';
  }

  /** The service did not answer, or said that it cannot. */
  failure(now: number): void {
    if (this.#state === 'open') return;
    this.#failures = this.#failures.filter((at) => now - at < FAILURE_WINDOW_MS);
    this.#failures.push(now);
    if (this.#state === 'closed' && this.#failures.length < FAILURES_MAX) return;
    this.#state = 'open';
    this.#openUntil = now + OPEN_MS;
    this.#failures = [];
  }
}
