/** A body that is a value still, as the SDK meets it before it is written. */
import { isRecord } from '../wire/is-record.js';
import { type BodySize, bodySizeOf } from './body-size.js';
import { type BoundBody, type BoundReading, boundOf, DEFAULT_ALLOWANCES } from './call-bound.js';
import { formFilesOf } from './form-files.js';
import { type MessageParts, messagePartsOf, noParts } from './message-parts.js';
import { encodedLength, fileBytesOf } from './own-forms.js';
import type { CallBound } from './types.js';

type Fields = Readonly<Record<string, unknown>>;

/** What a value tells. `readParts`: finds media by the shapes of a protocol. Never throws. */
export function boundBodyOfValue(
  value: unknown,
  readParts: (fields: Fields) => MessageParts = messagePartsOf,
): BoundBody {
  const fields = isRecord(value) ? value : NO_FIELDS;
  let size = bodySizeOf(fields);
  let parts = noParts();
  try {
    // What is nested without end is not walked.
    if (size.mayHaveParts && size.unreadable === undefined) parts = readParts(fields);
  } catch {
    size = UNREADABLE;
  }
  const written = filesAmong(fields, size);
  const form = formFilesOf(fields) ?? [];
  const bytes = size.bytes + form.reduce((sum, file) => sum + file.bytes, 0);
  return {
    bytes: bytes + written.reduce((sum, file) => sum + file.bytes - encodedLength(file.bytes), 0),
    fields,
    parts,
    files: [...form, ...written],
    hidesFiles: form.length + written.length === 0,
    cachesAsked: () => size.caches,
    mentionsSound: () => size.mentionsSound,
    unreadable: size.unreadable,
  };
}

const NO_FIELDS: Fields = Object.freeze({});
const UNREADABLE: BodySize = Object.freeze({
  bytes: 0,
  mayHaveParts: false,
  caches: 'long',
  mentionsSound: true,
  unreadable: 'a body that cannot be read',
});

/** Files that stand in fields of their own, as clients take them before they make a form of it. */
function filesAmong(fields: Fields, { mayHaveParts, unreadable }: BodySize) {
  if (!mayHaveParts || unreadable !== undefined) return [];
  return Object.entries(fields).flatMap(([field, value]) => {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.flatMap((one) => {
      const bytes = fileBytesOf(one);
      return bytes === undefined ? [] : [{ field, bytes }];
    });
  });
}

/** The bound of a call whose body is a value: see `boundOf`. Never throws. */
export function boundOfValue(
  reading: BoundReading,
  body: unknown,
  assumedOutputTokens: number,
  readParts?: (fields: Fields) => MessageParts,
): CallBound {
  return boundOf(reading, boundBodyOfValue(body, readParts), { assumedOutputTokens, allowances: DEFAULT_ALLOWANCES });
}

/** Of several requests in one: what they consume together. */
export function sumOfBounds(bounds: readonly CallBound[], nothing: CallBound): CallBound {
  return bounds.reduce((sum, one) => {
    const unbounded = sum.unbounded ?? one.unbounded;
    const caches = [sum.cacheWrites, one.cacheWrites];
    const plus = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER);
    return {
      inputTokensMax: plus(sum.inputTokensMax, one.inputTokensMax),
      outputTokensMax: plus(sum.outputTokensMax, one.outputTokensMax),
      isOutputLimited: sum.isOutputLimited && one.isOutputLimited,
      images: plus(sum.images, one.images),
      characters: plus(sum.characters, one.characters),
      mediaSeconds: plus(sum.mediaSeconds, one.mediaSeconds),
      cacheWrites: caches.includes('long') ? 'long' : caches.includes('short') ? 'short' : 'none',
      hasSound: sum.hasSound !== false || one.hasSound !== false,
      ...(unbounded === undefined ? {} : { unbounded }),
    };
  }, nothing);
}

/** A call that consumes nothing that is counted: a search, a batch without requests. */
export const NO_CONSUMPTION: CallBound = Object.freeze({
  inputTokensMax: 0,
  outputTokensMax: 0,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
  cacheWrites: 'none',
  hasSound: false,
});
