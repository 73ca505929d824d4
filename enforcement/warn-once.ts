/** Says each thing once while it lasts, in bounded memory. */

/** Things that are remembered. With more rules warning at once, the log is of no use to anybody. */
const REMEMBERED_MAX = 1_000;

/** How long a thing without an end of its own is remembered, milliseconds. */
const DAY_MS = 86_400_000;

/** At most so often a full memory is looked through for room, milliseconds. */
const PURGE_INTERVAL_MS = 60_000;

/**
 * Remembers keys until they end. When it is full it says so once and is silent; when there is room again it says how
 * much was not said.
 */
export class WarnOnce {
  readonly #warn: (message: string) => void;
  readonly #untilMs = new Map<string, number>();
  #suppressed = 0;
  #purgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Warns with `message()` unless `key` was said before and has not ended. `untilMs` null: it ends in a day. */
  say(key: string, untilMs: number | null, nowMs: number, message: () => string): void {
    const known = this.#untilMs.get(key);
    if (known !== undefined && nowMs < known) return;
    if (known === undefined && this.#untilMs.size >= REMEMBERED_MAX && !this.#makeRoom(nowMs)) {
      if (this.#suppressed === 0) this.#warn(`more than ${REMEMBERED_MAX} rules warn; further ones are not logged`);
      this.#suppressed += 1;
      return;
    }
    if (this.#suppressed > 0) {
      this.#warn(`rules that warn are logged again; ${this.#suppressed} warnings were not logged`);
      this.#suppressed = 0;
    }
    this.#untilMs.set(key, untilMs ?? nowMs + DAY_MS);
    this.#warn(message());
  }

  #makeRoom(nowMs: number): boolean {
    // A clock that went back must not stop the purge for ever.
    if (Math.abs(nowMs - this.#purgedAtMs) < PURGE_INTERVAL_MS) return false;
    this.#purgedAtMs = nowMs;
    for (const [key, untilMs] of this.#untilMs) if (nowMs >= untilMs) this.#untilMs.delete(key);
    return this.#untilMs.size < REMEMBERED_MAX;
  }
}
