/** Lines of a byte stream that arrives in chunks of any shape: cut inside a character, inside a CRLF, or empty. */

const LF = 10;
const CR = 13;
/** One line of an event stream can carry a whole image in base64. A longer one is not observed any further (I10). */
export const LINE_BYTES_MAX = 16 * 1024 * 1024;

const EMPTY = Buffer.alloc(0);

/** Told of each line without its terminator, and with the bytes that the line and its terminator took. */
export type LineListener = (line: Buffer, raw: Buffer) => void;

/**
 * Cuts bytes into lines at LF, CRLF and CR, as event streams define them. A CR at the end of a chunk ends its line at
 * once; an LF that follows in the next chunk belongs to it and is told to `strayLf`.
 */
export class LineSplitter {
  readonly #line: LineListener;
  readonly #strayLf: () => void;
  /** The beginning of a line whose end has not come: copies, for the caller may transfer the chunk away. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #skipLf = false;
  #overflowed = false;

  constructor(line: LineListener, strayLf: () => void = () => {}) {
    this.#line = line;
    this.#strayLf = strayLf;
  }

  /** A line was longer than {@link LINE_BYTES_MAX}; nothing is told any more. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Whether the next byte begins a line. */
  get isBetweenLines(): boolean {
    return this.#partialBytes === 0 && !this.#skipLf && !this.#overflowed;
  }

  /** Takes out the bytes of the line that is under way. */
  takeRest(): Buffer {
    const rest = this.#partial.length === 0 ? EMPTY : Buffer.concat(this.#partial);
    this.#partial = [];
    this.#partialBytes = 0;
    return rest;
  }

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    if (this.#overflowed || bytes.byteLength === 0) return;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    if (this.#skipLf && chunk[0] === LF) {
      start = 1;
      this.#strayLf();
    }
    this.#skipLf = false;
    // JSON escapes control characters, so a CR is always a terminator; most streams have none.
    let cr = chunk.indexOf(CR, start);
    let lf = chunk.indexOf(LF, start);
    while (lf !== -1 || cr !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      let next = end + 1;
      if (end === cr) {
        if (next === chunk.length) this.#skipLf = true;
        else if (chunk[next] === LF) next += 1;
      }
      this.#emit(chunk, start, end, next);
      start = next;
      if (cr !== -1 && cr < start) cr = chunk.indexOf(CR, start);
      if (lf !== -1 && lf < start) lf = chunk.indexOf(LF, start);
    }
    if (start < chunk.length) this.#keep(chunk, start);
  }

  /** The stream ended: what is left is a line without a terminator. */
  end(): void {
    if (this.#overflowed || this.#partialBytes === 0) return;
    const line = this.takeRest();
    this.#line(line, line);
  }

  #emit(chunk: Buffer, start: number, end: number, next: number): void {
    if (this.#partialBytes === 0) {
      this.#line(chunk.subarray(start, end), chunk.subarray(start, next));
      return;
    }
    const raw = Buffer.concat([...this.#partial, chunk.subarray(start, next)]);
    this.#partial = [];
    this.#partialBytes = 0;
    this.#line(raw.subarray(0, raw.length - (next - end)), raw);
  }

  #keep(chunk: Buffer, start: number): void {
    this.#partialBytes += chunk.length - start;
    this.#partial.push(Buffer.from(chunk.subarray(start)));
    if (this.#partialBytes > LINE_BYTES_MAX) this.#overflowed = true;
  }
}
