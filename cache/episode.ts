/** One log line when a trouble begins, one when it is over (I10). */
import type { Log } from '../src/log.js';

/** A trouble that lasts. While it lasts, only a new reason is logged again. */
export class Episode {
  readonly #log: Log;
  readonly #level: 'info' | 'warn';
  #reason: string | undefined;

  constructor(log: Log, level: 'info' | 'warn' = 'warn') {
    this.#log = log;
    this.#level = level;
  }

  /** Why it is not over; `undefined` while there is no trouble. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** The trouble is there, for `reason`. */
  begin(message: string, reason: string): void {
    if (this.#reason !== reason) this.#log[this.#level](`${message}: ${reason}`);
    this.#reason = reason;
  }

  /** The trouble is over. Says so only if it had begun. */
  end(message: string): void {
    if (this.#reason !== undefined) this.#log.info(message);
    this.#reason = undefined;
  }
}
