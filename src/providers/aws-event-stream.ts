/**
 * AWS's binary event streams, as Bedrock answers with: frames of a 12-byte prelude (total length, headers' length,
 * checksum), headers, payload and a checksum, all numbers big-endian. Read for usage only; the bytes go on untouched,
 * and whoever reads the stream checks its sums.
 */
import { isRecord } from '../wire/is-record.js';
import { LINE_BYTES_MAX } from './sse-lines.js';

/** One frame, as far as it is read. */
export interface EventStreamFrame {
  /** `:message-type`: `event`, `exception` or `error`. */
  readonly messageType: string;
  /** `:event-type`, else `:exception-type`, else `:error-code`. */
  readonly eventType: string;
  /** `:error-message`, of an error frame. */
  readonly errorMessage?: string;
  /** UTF-8 text. */
  readonly payload: string;
}

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** The kind of header values that Bedrock sends, text; sizes of the other kinds, by their number. */
const STRING = 7;
const BYTES = 6;
const FIXED_SIZES: readonly (number | undefined)[] = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16];

/** Cuts bytes into frames. Bytes that are no frame, or one too long (I10), end the reading: nothing more is told. */
export class EventStreamDecoder {
  readonly #onFrame: (frame: EventStreamFrame) => void;
  /** The beginning of a frame whose end has not come: copies, for the caller may transfer the chunk away. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #isBroken = false;

  constructor(onFrame: (frame: EventStreamFrame) => void) {
    this.#onFrame = onFrame;
  }

  /** Bytes came that cannot be understood, or too many for one frame. */
  get overflowed(): boolean {
    return this.#isBroken;
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    if (this.#isBroken) return;
    const needed = this.#needed();
    if (this.#partialBytes + chunk.length < needed) {
      this.#keep(Buffer.from(chunk));
      return;
    }
    const bytes = Buffer.concat([...this.#partial, chunk]);
    this.#partial = [];
    this.#partialBytes = 0;
    let at = 0;
    while (bytes.length - at >= PRELUDE_BYTES) {
      const length = bytes.readUInt32BE(at);
      const headersLength = bytes.readUInt32BE(at + 4);
      if (length > LINE_BYTES_MAX || headersLength + PRELUDE_BYTES + CHECKSUM_BYTES > length) {
        this.#isBroken = true;
        return;
      }
      if (bytes.length - at < length) break;
      this.#frame(bytes.subarray(at, at + length), headersLength);
      at += length;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  /** How many bytes there must be for anything to be read: a prelude, or the frame that it announces. */
  #needed(): number {
    const [first] = this.#partial;
    return first === undefined || first.length < PRELUDE_BYTES ? PRELUDE_BYTES : first.readUInt32BE(0);
  }

  #keep(bytes: Buffer): void {
    this.#partial.push(bytes);
    this.#partialBytes += bytes.length;
  }

  #frame(frame: Buffer, headersLength: number): void {
    const payloadAt = PRELUDE_BYTES + headersLength;
    const headers = readHeaders(frame.subarray(PRELUDE_BYTES, payloadAt));
    const eventType = headers.get(':event-type') ?? headers.get(':exception-type') ?? headers.get(':error-code') ?? '';
    const errorMessage = headers.get(':error-message');
    this.#onFrame({
      messageType: headers.get(':message-type') ?? 'event',
      eventType,
      ...(errorMessage === undefined ? {} : { errorMessage }),
      payload: frame.toString('utf8', payloadAt, frame.length - CHECKSUM_BYTES),
    });
  }
}

/**
 * What a frame of Bedrock says, in the form in which its readers take it: of a `chunk` the event inside it
 * (InvokeModel), of any other event an object under the event's name (Converse), of an exception an `error`.
 */
export function bedrockEventOf(frame: EventStreamFrame): unknown {
  const payload = parsed(frame.payload);
  if (frame.messageType !== 'event') {
    const message = isRecord(payload) ? (payload['message'] ?? payload['Message']) : frame.errorMessage;
    return { type: 'error', error: { type: frame.eventType, message: message ?? frame.errorMessage } };
  }
  if (frame.eventType !== 'chunk') return { [frame.eventType]: payload };
  const bytes = isRecord(payload) ? payload['bytes'] : undefined;
  return typeof bytes === 'string' ? parsed(Buffer.from(bytes, 'base64').toString('utf8')) : undefined;
}

/** The text headers: name length, name, kind, then a value by its kind. */
function readHeaders(bytes: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = at + 1 + bytes[at]!;
    const kind = bytes[nameEnd];
    if (kind === undefined) break;
    const isText = kind === STRING || kind === BYTES;
    if (isText && nameEnd + 3 > bytes.length) break;
    const size = isText ? bytes.readUInt16BE(nameEnd + 1) : FIXED_SIZES[kind];
    if (size === undefined) break;
    const valueAt = nameEnd + (isText ? 3 : 1);
    if (kind === STRING)
      headers.set(bytes.toString('utf8', at + 1, nameEnd), bytes.toString('utf8', valueAt, valueAt + size));
    at = valueAt + size;
  }
  return headers;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
