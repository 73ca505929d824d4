/** The log of a bound: one line when it is reached, one when it is over (I10). The counter is the caller's. */
import type { Log } from '../log.js';

/** Says once that a state began and once that it ended, however often it is reported in between. */
export class BoundNotice {
  readonly #log: Log;
  readonly #beginning: string;
  readonly #end: string;
  #active = false;

  /** `beginning` and `end` are the two messages. */
  constructor(log: Log, beginning: string, end: string) {
    this.#log = log;
    this.#beginning = beginning;
    this.#end = end;
  }

  /** Whether the state is on. */
  get active(): boolean {
    return this.#active;
  }

  /** The state is on. Logged the first time. */
  reached(fields?: Record<string, unknown>): void {
    if (this.#active) return;
    this.#active = true;
    this.#log.warn(this.#beginning, fields);
  }

  /** The state is off. Logged if it was on. */
  over(fields?: Record<string, unknown>): void {
    if (!this.#active) return;
    this.#active = false;
    this.#log.info(this.#end, fields);
  }
}
