/** Refuses a feed that is older than the one in force (I8), and tells a service that was reset from a late replica. */

/** What to do with an answer. `reset`: it is older, and the service has evidently begun anew. */
export type RevisionVerdict = 'accept' | 'refuse' | 'reset';

/** So many older answers in a row. */
const OLDER_ANSWERS_MIN = 3;

/**
 * A service that was set up anew counts from the start: all its answers are older, and they never go back among
 * themselves. A replica that lags catches up. So an older feed is accepted when {@link OLDER_ANSWERS_MIN} answers in a
 * row were older, none of them older than the one before, over at least two poll intervals. Answers without a revision
 * are always accepted: nothing can be said about them.
 */
export class RevisionGate {
  readonly #spanMs: number;
  #older: { count: number; latest: number; sinceMs: number } | undefined;

  /** `pollIntervalMs` less its jitter of 10 % is what two polls are apart at least. */
  constructor(pollIntervalMs: number) {
    this.#spanMs = 2 * 0.9 * pollIntervalMs;
  }

  /** The verdict on an answer of revision `offered` while `active` is in force; `nowMs` is monotonic. */
  judge(active: number | undefined, offered: number | undefined, nowMs: number): RevisionVerdict {
    if (active === undefined || offered === undefined || offered >= active) {
      this.#older = undefined;
      return 'accept';
    }
    if (this.#older === undefined || offered < this.#older.latest) {
      this.#older = { count: 1, latest: offered, sinceMs: nowMs };
      return 'refuse';
    }
    this.#older = { ...this.#older, count: this.#older.count + 1, latest: offered };
    if (this.#older.count < OLDER_ANSWERS_MIN || nowMs - this.#older.sinceMs < this.#spanMs) return 'refuse';
    this.#older = undefined;
    return 'reset';
  }

  /** Forgets what was seen: another team, or another service. */
  clear(): void {
    this.#older = undefined;
  }
}
