/** How long a service is allowed to keep a poll: found out, because what stands between may cut idle connections. */

/** The service takes up to 60. */
const WAIT_MAX_SECONDS = 50;
const WAIT_MIN_SECONDS = 5;
/** After so many waits in a row that were answered, a longer one is tried again. */
const ANSWERED_BEFORE_RAISE = 20;

/** Halves with each wait that fails, doubles after many that do not. */
export class WaitLength {
  #seconds = WAIT_MAX_SECONDS;
  #answered = 0;

  get seconds(): number {
    return this.#seconds;
  }

  /** A wait came to an answer. */
  answered(): void {
    this.#answered += 1;
    if (this.#answered % ANSWERED_BEFORE_RAISE === 0) this.#seconds = Math.min(WAIT_MAX_SECONDS, this.#seconds * 2);
  }

  /** A wait was cut, or timed out. */
  failed(): void {
    this.#answered = 0;
    this.#seconds = Math.max(WAIT_MIN_SECONDS, Math.floor(this.#seconds / 2));
  }
}
