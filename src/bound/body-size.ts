/**
 * How many bytes the texts of a body have at most that is not written yet, without writing it: it is measured before each
 * call. A token of a byte-level tokenizer covers at least one byte, so these bytes bound its tokens; names and braces
 * count too and pay for what a server's template adds.
 */
import { hasOwnForm, ownFormOf } from './own-forms.js';

/** What measuring a body shows. */
export interface BodySize {
  readonly bytes: number;
  /** Something stands in it that may be media or a document: it is worth looking for those. */
  readonly mayHaveParts: boolean;
  /** What it asks to be written to caches. */
  readonly caches: 'none' | 'short' | 'long';
  readonly mentionsSound: boolean;
  /** Why it was not read to its end: nothing is known of its size then. */
  readonly unreadable?: string;
}

/** Deeper bodies are none of any API, and what walks them has a stack. */
const DEPTH_MAX = 128;
/** Values; the largest batch of tokens that an embedding takes has 300,000. */
const VALUES_MAX = 1_000_000;
const SHORT = 40;

/** What the name of a member tells: what may stand below it. One look into a table for each. */
const HOLDS_PART = 1;
/** A server writes what stands below as JSON again, escapes and all, for the model to read. */
const HOLDS_DATA = 2;
/** Anthropic's, Bedrock's, and the AI SDK's word for what is to be written to a cache. */
const HOLDS_CACHE = 4;
const PART_TYPES = /image|file|document|audio|video|reference|container|screenshot|media/;

/** Names that tell something, and those that most bodies have: all of them ASCII, as long as they are in bytes. */
const NAMES: ReadonlyMap<string, number> = tellingNames([
  // Members that can hold media, documents, or what is stored at the provider.
  [HOLDS_PART, 'images image image_url mask source file file_id file_data fileData file_url data'],
  [HOLDS_PART, 'input_audio audio inlineData inline_data document video bytesBase64Encoded container'],
  [HOLDS_DATA, 'input args arguments response parameters input_schema schema json parametersJsonSchema'],
  [HOLDS_CACHE, 'cache_control cachePoint cacheControl'],
  [0, 'model messages role content type text system stream temperature max_tokens max_completion_tokens options'],
  [0, 'num_predict tools name description function properties required contents parts top_p'],
]);

function tellingNames(told: readonly (readonly [tells: number, names: string])[]): ReadonlyMap<string, number> {
  return new Map(told.flatMap(([tells, names]) => names.split(' ').map((name) => [name, tells] as const)));
}

/** Measures. Never throws; takes no notice of what JSON leaves out. */
export function bodySizeOf(value: unknown): BodySize {
  const found: Found = { left: VALUES_MAX, mayHaveParts: false, caches: 'none', isHour: false, mentionsSound: false };
  try {
    const bytes = sizeOf(value, found, 0, false);
    const { mayHaveParts, mentionsSound } = found;
    return { bytes, mayHaveParts, mentionsSound, caches: found.isHour ? 'long' : found.caches };
  } catch (error) {
    return {
      bytes: 0,
      mayHaveParts: false,
      caches: 'long',
      mentionsSound: true,
      unreadable: error === TOO_MUCH ? 'a body of too many values, or nested too deeply' : 'a body that cannot be read',
    };
  }
}

const TOO_MUCH = new Error('too much');

interface Found {
  left: number;
  mayHaveParts: boolean;
  caches: 'none' | 'short';
  isHour: boolean;
  mentionsSound: boolean;
}

function sizeOf(value: unknown, found: Found, depth: number, isData: boolean): number {
  found.left -= 1;
  if (found.left < 0 || depth > DEPTH_MAX) throw TOO_MUCH;
  switch (typeof value) {
    case 'string':
      if (value.length > SHORT) return (isData ? writtenLength(value) : Buffer.byteLength(value)) + 3;
      return (isData ? writtenShort(value, found) : shortLength(value, found)) + 3;
    case 'number':
      return digitsOf(value) + 1;
    case 'boolean':
      return 6;
    case 'bigint':
      return String(value).length + 1;
    case 'object':
      return value === null ? 5 : sizeOfObject(value, found, depth, isData);
    default:
      return 0;
  }
}

function sizeOfObject(value: object, found: Found, depth: number, isData: boolean): number {
  let bytes = 3;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) bytes += sizeOf(value[i], found, depth + 1, isData);
    return bytes;
  }
  if (hasOwnForm(value)) {
    found.mayHaveParts = true;
    const own = ownFormOf(value);
    return typeof own === 'number' ? own : sizeOf(own, found, depth + 1, isData);
  }
  for (const name in value) {
    const inner = (value as Record<string, unknown>)[name];
    if (inner === undefined) continue;
    const tells = NAMES.get(name);
    if (!found.mayHaveParts) found.mayHaveParts = name === 'type' ? isPartType(inner) : has(tells, HOLDS_PART);
    if (has(tells, HOLDS_CACHE)) found.caches = 'short';
    const isDataBelow = isData || (has(tells, HOLDS_DATA) && typeof inner === 'object' && !Array.isArray(inner));
    const nameBytes = isData ? writtenLength(name) : tells === undefined ? byteLength(name) : name.length;
    bytes += nameBytes + 3 + sizeOf(inner, found, depth + 1, isDataBelow);
  }
  return bytes;
}

function has(tells: number | undefined, one: number): boolean {
  return tells !== undefined && (tells & one) !== 0;
}

function isPartType(type: unknown): boolean {
  return typeof type === 'string' && type !== 'text' && PART_TYPES.test(type);
}

/** What few characters can say: for how long a cache is to keep what it is given, that sound is meant. */
function notice(text: string, found: Found): void {
  if (text === '1h') found.isHour = true;
  else if (text.includes('audio') || text.includes('AUDIO')) found.mentionsSound = true;
}

/** In UTF-8. The few characters of a name are counted faster than asked for. */
function byteLength(text: string): number {
  if (text.length > SHORT) return Buffer.byteLength(text);
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    // Half a pair that stands alone is written as three bytes: no pair comes out shorter than it is.
    if (code > 127) bytes += code > 2_047 ? 2 : 1;
  }
  return bytes;
}

/** The same for a few characters, which may say something. */
function shortLength(text: string, found: Found): number {
  let bytes = text.length;
  let before = 0;
  let isTelling = bytes === 2;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    // The middle of "audio".
    if ((code | 32) === 100 && (before | 32) === 117) isTelling = true;
    before = code;
    if (code > 127) bytes += code > 2_047 ? 2 : 1;
  }
  if (isTelling) notice(text, found);
  return bytes;
}

function writtenShort(text: string, found: Found): number {
  notice(text, found);
  return writtenLength(text);
}

/** As JSON, by a server that escapes whatever it can. */
function writtenLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 126 || code < 32) bytes += 5;
    else if (code === 34 || code === 92 || code === 47) bytes += 1;
  }
  return bytes;
}

/** No number is written in more than 25 characters. */
function digitsOf(value: number): number {
  if (value >= 0 && value < 1_000_000 && Number.isInteger(value)) {
    if (value < 1_000) return value < 10 ? 1 : value < 100 ? 2 : 3;
    return value < 10_000 ? 4 : value < 100_000 ? 5 : 6;
  }
  return 25;
}
