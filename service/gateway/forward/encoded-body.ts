/** Answers that come compressed although they were not asked for so: they pass as they are and are read at their end. */
import { brotliDecompressSync, constants, gunzipSync, inflateSync } from 'node:zlib';
import { WHOLE_BYTES_MAX } from 'fusewire/internal';

/** Of a compressed answer, this much is kept to be read (I10). */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

type Decode = (bytes: Buffer) => Buffer;

/** What was cut off is decoded as far as it came. */
const GZIP = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: WHOLE_BYTES_MAX };
const BROTLI = { finishFlush: constants.BROTLI_OPERATION_FLUSH, maxOutputLength: WHOLE_BYTES_MAX };

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', (bytes) => gunzipSync(bytes, GZIP)],
  ['x-gzip', (bytes) => gunzipSync(bytes, GZIP)],
  ['deflate', (bytes) => inflateSync(bytes, GZIP)],
  ['br', (bytes) => brotliDecompressSync(bytes, BROTLI)],
]);

/** The body of one compressed answer. */
export class EncodedBody {
  readonly #encoding: string;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > KEPT_BYTES_MAX) this.#chunks = [];
    else this.#chunks.push(chunk);
  }

  /** What came, decoded; empty where it cannot be, or was too much. */
  decoded(): Buffer {
    const decode = DECODERS.get(this.#encoding);
    if (decode === undefined || this.#chunks.length === 0) return Buffer.alloc(0);
    try {
      return decode(Buffer.concat(this.#chunks));
    } catch {
      return Buffer.alloc(0);
    }
  }
}

/** The encoding of a body, or `undefined` where it comes as it is. */
export function encodingOf(header: string | string[] | undefined): string | undefined {
  const name = typeof header === 'string' ? header.trim().toLowerCase() : header?.join(',').toLowerCase();
  return name === undefined || name === '' || name === 'identity' ? undefined : name;
}
