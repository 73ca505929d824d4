/** A fixed number of places; who finds none free waits, first come first served. */

/** Each place is held by one at a time. */
export class Slots {
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, slot) => slot);
  }

  /** Resolves to the number of a place that is held until it is given back. */
  async take(): Promise<number> {
    const slot = this.#free.shift();
    if (slot !== undefined) return slot;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a place back. */
  give(slot: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
