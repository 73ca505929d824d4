/** What a feed amounts to, kept while it changes: its length, and a hash that does not depend on how it came to be. */

/**
 * Sums of the texts of a feed: a text is added and taken out at the cost of that text alone, and feeds with the same
 * texts have the same hash, in every process. 64 bits: enough to tell versions of a feed apart, no more.
 */
export class Tally {
  /** In UTF-16 code units. */
  chars = 0;
  #low = 0;
  #high = 0;

  /** `seed` tells apart where equal texts belong. */
  add(text: string, seed: number): void {
    this.#move(text, seed, 1);
  }

  /** Takes out a text that was added with the same seed. */
  remove(text: string, seed: number): void {
    this.#move(text, seed, -1);
  }

  /** Adds all that another one holds. */
  plus(other: Tally): void {
    this.#shift(other, 1);
  }

  /** Takes out all that another one holds. */
  minus(other: Tally): void {
    this.#shift(other, -1);
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  #shift(other: Tally, sign: 1 | -1): void {
    this.chars += sign * other.chars;
    this.#low = (this.#low + sign * other.#low) | 0;
    this.#high = (this.#high + sign * other.#high) | 0;
  }

  #move(text: string, seed: number, sign: 1 | -1): void {
    let low = 0x811c9dc5 ^ seed;
    let high = 0x9e3779b1 ^ text.length;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x85ebca6b);
    }
    this.chars += sign * text.length;
    this.#low = (this.#low + sign * mixed(low ^ (high >>> 16))) | 0;
    this.#high = (this.#high + sign * mixed(high ^ (low >>> 16) ^ seed)) | 0;
  }
}

/** Spreads every bit over all, so that sums of hashes of like texts do not cancel out. */
function mixed(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return bits ^ (bits >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
