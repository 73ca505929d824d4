/** Lines that go on only when they are whole. */

const LF = 10;
const NOTHING = new Uint8Array(0);

/** Passes bytes on, and holds the beginning of a line back until its end comes. */
export class WholeLines {
  #held: Uint8Array = NOTHING;

  /** Takes the next bytes; returns those of lines that are whole. */
  push(chunk: Uint8Array): Uint8Array {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end === chunk.length && this.#held.length === 0) return chunk;
    if (end === 0) {
      this.#held = Buffer.concat([this.#held, chunk]);
      return NOTHING;
    }
    const passed = new Uint8Array(Buffer.concat([this.#held, chunk.subarray(0, end)]));
    this.#held = Buffer.from(chunk.subarray(end));
    return passed;
  }

  /** Takes out what is held back. */
  takeRest(): Uint8Array {
    const rest = this.#held;
    this.#held = NOTHING;
    return rest.length === 0 ? rest : new Uint8Array(rest);
  }
}
