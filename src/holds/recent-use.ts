/** How many calls of a kind were made lately: what the size of a slice follows. */

const SECOND_MS = 1_000;

/** Counts of this second and of the one before. */
export class RecentUse {
  #second = Number.NEGATIVE_INFINITY;
  #count = 0;
  #before = 0;

  /** One call at `nowMs` of the monotonic clock. */
  note(nowMs: number): void {
    this.#turn(nowMs);
    this.#count += 1;
  }

  /** Calls of the last second or two. */
  calls(nowMs: number): number {
    this.#turn(nowMs);
    return this.#count + this.#before;
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / SECOND_MS);
    if (second === this.#second) return;
    this.#before = second === this.#second + 1 ? this.#count : 0;
    this.#count = 0;
    this.#second = second;
  }
}
