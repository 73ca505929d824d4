/** A feed, or a difference of one, as bytes that are made once and sent to many. */
import { gzip } from 'node:zlib';

/** Joining and encoding goes in slices of so many UTF-16 code units: some 2 ms each. */
const SLICE_CHARS = 524_288;
/** Fast rather than small: a large feed is compressed for each of its versions. */
const GZIP_LEVEL = 3;

/** One body and what goes with it into the header. */
export class FeedBody {
  readonly revision: number;
  readonly etag: string;
  readonly bytes: Buffer;
  /** Rules and groups that are not in it for want of room. */
  readonly omitted: number;
  #compressed: Promise<Buffer> | undefined;

  constructor(revision: number, etag: string, bytes: Buffer, omitted = 0) {
    this.revision = revision;
    this.etag = etag;
    this.bytes = bytes;
    this.omitted = omitted;
  }

  /** Compressed off this thread, once. */
  gzip(): Promise<Buffer> {
    this.#compressed ??= new Promise((resolve, reject) => {
      gzip(this.bytes, { level: GZIP_LEVEL }, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
    });
    return this.#compressed;
  }
}

/** Work in steps is interrupted after so long, for whatever else the thread has to do. */
const SLICE_MS = 4;

/** Runs work that is cut into steps, with turns of the event loop in between. */
export async function inSlices<T>(steps: Generator<void, T>, monotonicNow: () => number): Promise<T> {
  let startedAt = monotonicNow();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (monotonicNow() - startedAt < SLICE_MS) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    startedAt = monotonicNow();
  }
}

/** Texts as one buffer, with turns of the event loop in between where they are long. */
export async function toBytes(parts: readonly string[]): Promise<Buffer> {
  const buffers: Buffer[] = [];
  let start = 0;
  let chars = 0;
  for (const [i, part] of parts.entries()) {
    chars += part.length;
    if (chars < SLICE_CHARS && i < parts.length - 1) continue;
    buffers.push(Buffer.from(parts.slice(start, i + 1).join('')));
    start = i + 1;
    chars = 0;
    if (start < parts.length) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
}
