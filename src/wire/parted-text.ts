/**
 * A long text in parts, as it came from the network. Gluing 33 MB together takes 20 ms in one piece, and a text that was
 * put together with `+` is glued when it is first looked at; so it is read where it lies.
 */
export class PartedText {
  readonly length: number;
  readonly #parts: readonly string[];
  /** Where each part begins. */
  readonly #starts: Float64Array;
  // The part that was read last; the readers go forward, so it is nearly always the right one.
  #part = 0;
  #text = '';
  #from = 0;
  #to = 0;

  constructor(parts: readonly string[]) {
    this.#parts = parts;
    this.#starts = new Float64Array(parts.length);
    let length = 0;
    for (const [i, part] of parts.entries()) {
      this.#starts[i] = length;
      length += part.length;
    }
    this.length = length;
  }

  /** The UTF-16 unit at `at`; NaN outside of the text, as `charCodeAt` says it. */
  unit(at: number): number {
    if (at < this.#from || at >= this.#to) {
      if (at < 0 || at >= this.length) return Number.NaN;
      this.#seek(at);
    }
    return this.#text.charCodeAt(at - this.#from);
  }

  /** The text from `from` up to `to`. One within a part is not copied. */
  slice(from: number, to: number): string {
    if (from >= to) return '';
    this.unit(from);
    if (to <= this.#to) return this.#text.slice(from - this.#from, to - this.#from);
    let text = this.#text.slice(from - this.#from);
    for (let at = this.#to; at < to; at = this.#to) {
      this.#seek(at);
      text += this.#text.slice(0, to - at);
    }
    return text;
  }

  #seek(at: number): void {
    let part = at < this.#from ? 0 : this.#part;
    while (part + 1 < this.#parts.length && this.#starts[part + 1]! <= at) part += 1;
    this.#part = part;
    this.#text = this.#parts[part] ?? '';
    this.#from = this.#starts[part]!;
    this.#to = this.#from + this.#text.length;
  }
}
