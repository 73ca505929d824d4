/** Reads the body of an answer as text, bounded, and unpacked off the main path where it came compressed. */
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** Chunks are gathered up to here: a body of one-byte chunks must not become a list of millions. */
const PART_LENGTH_MIN = 65_536;
/** zlib works on a thread of its own, and hands out pieces of this size. */
const UNPACKED_CHUNK_BYTES = 65_536;

/** A body, or why it was not read to its end. */
export type BodyReading =
  | { readonly kind: 'text'; readonly parts: readonly string[] }
  | { readonly kind: 'too-large' }
  /** Compressed in a way that was not asked for. */
  | { readonly kind: 'unknown-encoding' };

/**
 * The body in parts, without a byte order mark. What is larger than `bytesMax`, unpacked, is not read on: a small body
 * that unpacks to gigabytes ends there, with its connection. Rejects where the connection or the compression breaks.
 */
export async function readBody(
  body: Readable,
  contentEncoding: string | undefined,
  bytesMax: number,
): Promise<BodyReading> {
  const encoding = contentEncoding?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return await readText(body, bytesMax);
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    // Its end is an error, which must have a listener.
    body.on('error', () => undefined).destroy();
    return { kind: 'unknown-encoding' };
  }
  const unpacked = createGunzip({ chunkSize: UNPACKED_CHUNK_BYTES });
  // Errors reach the reader of `unpacked`; the callback is only there so that nothing is thrown elsewhere.
  pipeline(body, unpacked, () => undefined);
  return await readText(unpacked, bytesMax);
}

/** The beginning of an error's body. Never rejects. */
export async function readExcerpt(body: Readable, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) break;
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    // What was read is as good.
  }
  return text;
}

async function readText(body: Readable, bytesMax: number): Promise<BodyReading> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let part = '';
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // Leaving the loop destroys the body, and with it the connection that would send the rest.
    if (bytes > bytesMax) return { kind: 'too-large' };
    part += decoder.decode(chunk, { stream: true });
    if (part.length < PART_LENGTH_MIN) continue;
    parts.push(part);
    part = '';
  }
  parts.push(part + decoder.decode());
  return { kind: 'text', parts };
}
