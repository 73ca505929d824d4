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
  let parts = NO_PARTS;
  try {
    // What is nested without end is not walked.
    if (size.mayHaveParts && size.unreadable === undefined) parts = readParts(fields);
  } catch {
    size = UNREADABLE;
  }
  return new ValueBody(fields, size, parts);
}

class ValueBody implements BoundBody {
  readonly bytes: number;
  readonly files: BoundBody['files'];
  readonly hidesFiles: boolean;
  readonly unreadable: string | undefined;
  readonly #size: BodySize;

  constructor(
    readonly fields: Fields,
    size: BodySize,
    readonly parts: MessageParts,
  ) {
    this.#size = size;
    this.unreadable = size.unreadable;
    const form = formFilesOf(fields);
    const written = filesAmong(fields, size);
    this.hidesFiles = written.length + (form?.length ?? 0) === 0;
    this.files = this.hidesFiles ? NO_FILES : [...(form ?? []), ...written];
    let { bytes } = size;
    for (const file of form ?? NO_FILES) bytes += file.bytes;
    for (const file of written) bytes += file.bytes - encodedLength(file.bytes);
    this.bytes = bytes;
  }

  cachesAsked(): 'none' | 'short' | 'long' {
    return this.#size.caches;
  }

  mentionsSound(): boolean {
    return this.#size.mentionsSound;
  }
}

const NO_FIELDS: Fields = Object.freeze({});
const NO_PARTS: MessageParts = Object.freeze(noParts());
const NO_FILES: BoundBody['files'] = Object.freeze([]);
const UNREADABLE: BodySize = Object.freeze({
  bytes: 0,
  mayHaveParts: false,
  caches: 'long',
  mentionsSound: true,
  unreadable: 'a body that cannot be read',
});

/** Files that stand in fields of their own, as clients take them before they make a form of it. */
function filesAmong(fields: Fields, { mayHaveParts, unreadable }: BodySize): BoundBody['files'] {
  if (!mayHaveParts || unreadable !== undefined) return NO_FILES;
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
