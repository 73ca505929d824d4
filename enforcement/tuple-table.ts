/** A hash table from tuples of numbers to numbers, in typed arrays: no object for an entry, no pause to grow. */

/** Numbers distinct tuples of `width` from 0 on. Holds at most `capacity` of them; it never grows. */
export class TupleTable {
  readonly #width: number;
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #tuples: Int32Array;
  #size = 0;

  constructor(width: number, capacity: number) {
    let slots = 4;
    while (slots < capacity * 2) slots *= 2;
    this.#width = width;
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
    this.#tuples = new Int32Array(width * capacity);
  }

  /** The number of the tuple in the first `width` places, or -1. */
  find(tuple: Int32Array): number {
    for (let slot = this.#hash(tuple); ; slot = (slot + 1) & this.#mask) {
      const known = this.#slots[slot]! - 1;
      if (known < 0) return -1;
      if (this.#equals(known, tuple)) return known;
    }
  }

  /** The number of the tuple, which is new if it was not known. */
  add(tuple: Int32Array): number {
    let slot = this.#hash(tuple);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const known = this.#slots[slot]! - 1;
      if (this.#equals(known, tuple)) return known;
    }
    const id = this.#size;
    this.#size += 1;
    this.#slots[slot] = id + 1;
    const at = id * this.#width;
    for (let i = 0; i < this.#width; i += 1) this.#tuples[at + i] = tuple[i]!;
    return id;
  }

  #equals(id: number, tuple: Int32Array): boolean {
    const at = id * this.#width;
    for (let i = 0; i < this.#width; i += 1) if (this.#tuples[at + i] !== tuple[i]) return false;
    return true;
  }

  /** Multiplications by odd constants (of the golden ratio and of MurmurHash3), then the high bits folded down. */
  #hash(tuple: Int32Array): number {
    let hash = 0;
    for (let i = 0; i < this.#width; i += 1) hash = Math.imul(hash ^ tuple[i]!, 0x9e3779b1) + 0x7f4a7c15;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) & this.#mask;
  }
}
