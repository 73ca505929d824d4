/**
 * Event streams, watched and rewritten at byte level. A parser of events alone would not do: what the caller reads must
 * stay the provider's own bytes (I3), so an event is known by the bytes that it took.
 */
import { LineSplitter } from './sse-lines.js';

/** One dispatched event. */
export interface SseEvent {
  /** The `event:` field, `''` where there is none. */
  readonly name: string;
  /** The `data:` lines, joined by LF. */
  readonly data: string;
}

/** Changes one event: gets its bytes, terminator included, and gives the bytes to pass on; empty drops it. */
export type SseRewrite = (raw: Buffer, event: SseEvent) => Uint8Array;

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;
const EMPTY = new Uint8Array(0);

/**
 * Reads an event stream. `push` tells each complete event and returns the bytes to pass on: the same chunk, or with a
 * `rewrite` the rewritten bytes of all events that are complete, the bytes of an incomplete one being held back.
 */
export class SseDecoder {
  readonly #onEvent: (event: SseEvent) => void;
  readonly #rewrite: SseRewrite | undefined;
  readonly #lines: LineSplitter;
  #name = '';
  #data: string | undefined;
  /** Only with a rewrite: the bytes of the event under way, and what is ready to be passed on. */
  #raw: Buffer[] = [];
  #ready: Uint8Array[] = [];
  #dropped = false;

  constructor(onEvent: (event: SseEvent) => void, rewrite?: SseRewrite) {
    this.#onEvent = onEvent;
    this.#rewrite = rewrite;
    this.#lines = new LineSplitter(
      (line, raw) => this.#line(line, raw),
      () => this.#strayLf(),
    );
  }

  /** A line was too long; nothing is told any more, and everything passes as it comes. */
  get overflowed(): boolean {
    return this.#lines.overflowed;
  }

  /** Takes the next bytes; returns those to pass on. Bytes that are passed on are never held or changed afterwards. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#lines.overflowed) return chunk;
    const taken = this.#pushWhole(chunk);
    if (taken < chunk.length) this.#lines.push(taken === 0 ? chunk : chunk.subarray(taken));
    if (this.#rewrite === undefined) return chunk;
    // Too long a line: from here on everything passes as it comes, first of all what was held.
    return this.#lines.overflowed ? this.abandon() : this.#takeReady(chunk);
  }

  /**
   * Takes the events at the start of a chunk that are whole and one `data` line each, as nearly all are; returns how many
   * bytes that were. Everything else goes line by line.
   */
  #pushWhole(bytes: Uint8Array): number {
    const isBetweenEvents = this.#data === undefined && this.#name === '' && this.#raw.length === 0;
    if (!isBetweenEvents || !this.#lines.isBetweenLines) return 0;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (chunk.indexOf(CR) !== -1) return 0;
    let start = 0;
    while (beginsWithData(chunk, start)) {
      const end = chunk.indexOf(LF, start);
      if (end === -1 || chunk[end + 1] !== LF) break;
      const event = { name: '', data: chunk.toString('utf8', start + DATA_FIELD.length, end) };
      this.#onEvent(event);
      if (this.#rewrite !== undefined) this.#pass(this.#rewrite(chunk.subarray(start, end + 2), event));
      start = end + 2;
    }
    return start;
  }

  #pass(out: Uint8Array): void {
    this.#dropped = out.length === 0;
    if (out.length > 0) this.#ready.push(out);
  }

  /** The stream ended. Returns the bytes that were held back; an event without its blank line counts as one. */
  end(): Uint8Array {
    if (this.#rewrite === undefined) {
      this.#lines.end();
      this.#dispatch();
      return EMPTY;
    }
    this.#lines.end();
    if (this.#raw.length > 0) this.#dispatch();
    return this.#takeReady(EMPTY);
  }

  /** The stream broke. Returns the bytes that were held back, unchanged. */
  abandon(): Uint8Array {
    if (this.#rewrite === undefined) return EMPTY;
    return copyOf([...this.#ready.splice(0), ...this.#raw.splice(0), this.#lines.takeRest()]);
  }

  #line(line: Buffer, raw: Buffer): void {
    if (this.#rewrite !== undefined) this.#raw.push(raw);
    if (line.length === 0) {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(COLON);
    if (colon === 0) return;
    const field = line.toString('latin1', 0, colon === -1 ? line.length : colon);
    if (field !== 'data' && field !== 'event') return;
    let from = colon === -1 ? line.length : colon + 1;
    if (line[from] === SPACE) from += 1;
    const value = line.toString('utf8', from);
    if (field === 'event') this.#name = value;
    else this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }

  #dispatch(): void {
    const event = { name: this.#name, data: this.#data ?? '' };
    const isEvent = this.#data !== undefined;
    this.#name = '';
    this.#data = undefined;
    if (isEvent) this.#onEvent(event);
    if (this.#rewrite === undefined) return;
    const raw = this.#raw.length === 1 ? this.#raw[0]! : Buffer.concat(this.#raw);
    this.#raw = [];
    this.#pass(isEvent ? this.#rewrite(raw, event) : raw);
  }

  /** The second half of a CRLF whose first half ended the chunk before. It goes with the bytes it belongs to. */
  #strayLf(): void {
    if (this.#rewrite === undefined) return;
    if (this.#raw.length > 0) this.#raw.push(LF_BYTES);
    else if (!this.#dropped) this.#ready.push(LF_BYTES);
  }

  #takeReady(chunk: Uint8Array): Uint8Array {
    const ready = this.#ready;
    if (ready.length === 0) return EMPTY;
    this.#ready = [];
    if (ready.length === 1 && isAlone(ready[0]!)) return ready[0]!;
    let length = 0;
    for (const part of ready) length += part.length;
    // Nothing was held and nothing removed: the very chunk that came goes on.
    if (length === chunk.length && ready[0]!.buffer === chunk.buffer && ready[0]!.byteOffset === chunk.byteOffset) {
      return ready.every((part) => part.buffer === chunk.buffer) ? chunk : copyOf(ready);
    }
    return copyOf(ready);
  }
}

const LF_BYTES = Buffer.from('\n');

const DATA_FIELD = Buffer.from('data: ');

function beginsWithData(chunk: Buffer, from: number): boolean {
  for (let at = 0; at < DATA_FIELD.length; at += 1) if (chunk[from + at] !== DATA_FIELD[at]) return false;
  return true;
}

/** Whether a part is what {@link copyOf} would make of it; the memory of a chunk that came is the caller's. */
function isAlone(part: Uint8Array): boolean {
  return part.constructor === Uint8Array && part.byteLength === part.buffer.byteLength;
}

/** A fresh array of its own memory: small buffers of Node share a pool that a caller cannot transfer. */
function copyOf(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
