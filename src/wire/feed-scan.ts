/**
 * Cuts JSON text into pieces at the commas of one level, so that a long list can be parsed piece by piece. The cut
 * checks nothing: each piece is parsed strictly by `JSON.parse`, and pieces that are valid, with single commas between
 * them, are a valid whole.
 */
import type { PartedText } from './parted-text.js';

/** Characters of a piece: about 0.1 ms of `JSON.parse`. */
const PIECE_CHARS = 16_384;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COLON = 0x3a;
/** Nothing in a feed or a difference is nested half as deep. */
const DEPTH_MAX = 32;
const MEMBERS_PER_STEP = 50;

/** The index of the first character from `at` on that is not JSON white space. */
export function skipSpace(text: PartedText, at: number): number {
  let i = at;
  for (; i < text.length; i += 1) {
    const unit = text.unit(i);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) break;
  }
  return i;
}

/** The index after the string that begins with the quote at `at`; the length of the text if it does not end. */
export function skipString(text: PartedText, at: number): number {
  let i = at + 1;
  for (; i < text.length; i += 1) {
    const unit = text.unit(i);
    if (unit === QUOTE) return i + 1;
    if (unit === BACKSLASH) i += 1;
  }
  return text.length;
}

/**
 * The index of the comma or closing bracket that ends an element at the level of `at`. With `pieceChars`, only a comma
 * after at least so many characters counts, so that the piece holds several elements.
 */
export function endOfPiece(text: PartedText, at: number, pieceChars = 0): number {
  let depth = 0;
  for (let i = at; i < text.length; i += 1) {
    const unit = text.unit(i);
    if (unit === QUOTE) i = skipString(text, i) - 1;
    else if (unit === COMMA) {
      if (depth === 0 && i - at >= pieceChars) return i;
    } else if (unit === OPEN_LIST || unit === OPEN_OBJECT) depth += 1;
    else if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) {
      if (depth === 0) return i;
      depth -= 1;
    }
  }
  return text.length;
}

/** The index after the value that begins at `at`; -1 where it is a list or an object of more than `charsMax`. */
function endOfValue(text: PartedText, at: number, charsMax: number): number {
  const first = text.unit(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) return endOfWord(text, at);
  let depth = 0;
  for (let i = at; i < text.length && i - at <= charsMax; i += 1) {
    const unit = text.unit(i);
    if (unit === QUOTE) i = skipString(text, i) - 1;
    else if (unit === OPEN_LIST || unit === OPEN_OBJECT) depth += 1;
    else if (unit === CLOSE_LIST || unit === CLOSE_OBJECT) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return text.length - at <= charsMax ? text.length : -1;
}

function endOfWord(text: PartedText, at: number): number {
  let i = at;
  for (; i < text.length; i += 1) {
    const unit = text.unit(i);
    if (unit === COMMA || unit === CLOSE_LIST || unit === CLOSE_OBJECT || unit <= 0x20) break;
  }
  return i;
}

/** A value, and the index after it. */
export interface ParsedValue {
  readonly value: unknown;
  readonly end: number;
}

/**
 * Parses the value at `at`: the same as `JSON.parse`, but a long list or object is taken apart, so that no step is long
 * however large one element is. Throws SyntaxError where it is not JSON, or nested deeper than any feed.
 */
export function* parseJsonInSteps(text: PartedText, at: number, depth = 0): Generator<void, ParsedValue> {
  const start = skipSpace(text, at);
  const end = endOfValue(text, start, PIECE_CHARS);
  if (end !== -1) return { value: JSON.parse(text.slice(start, end)), end };
  if (depth >= DEPTH_MAX) throw new SyntaxError('nested too deeply');
  if (text.unit(start) === OPEN_LIST) {
    const list: unknown[] = [];
    return { value: list, end: yield* parseElements(text, start, (element) => void list.push(element), depth) };
  }
  const members = new Map<string, unknown>();
  let from = start;
  for (;;) {
    const nameAt = skipSpace(text, from + 1);
    if (text.unit(nameAt) !== QUOTE) throw new SyntaxError('a name is missing');
    const nameEnd = skipString(text, nameAt);
    const colon = skipSpace(text, nameEnd);
    if (text.unit(colon) !== COLON) throw new SyntaxError('a colon is missing');
    const member = yield* parseJsonInSteps(text, colon + 1, depth + 1);
    members.set(JSON.parse(text.slice(nameAt, nameEnd)) as string, member.value);
    from = skipSpace(text, member.end);
    if (text.unit(from) === CLOSE_OBJECT) return { value: Object.fromEntries(members), end: from + 1 };
    if (text.unit(from) !== COMMA) throw new SyntaxError('unbalanced');
    if (members.size % MEMBERS_PER_STEP === 0) yield;
  }
}

/**
 * Parses the list that begins at `at`, element by element, and gives each to `take`, which may itself take steps. Yields
 * about every {@link PIECE_CHARS}. Returns the index after its end; throws SyntaxError where it is not JSON.
 */
export function* parseElements(
  text: PartedText,
  at: number,
  take: (element: unknown) => Generator<void, void> | void,
  depth = 0,
): Generator<void, number> {
  let from = skipSpace(text, at + 1);
  if (text.unit(from) === CLOSE_LIST) return from + 1;
  for (let yieldedAt = from; ; ) {
    const element = yield* parseJsonInSteps(text, from, depth + 1);
    const work = take(element.value);
    if (work !== undefined) yield* work;
    const after = skipSpace(text, element.end);
    if (text.unit(after) === CLOSE_LIST) return after + 1;
    if (text.unit(after) !== COMMA) throw new SyntaxError('unbalanced');
    from = after + 1;
    if (from - yieldedAt < PIECE_CHARS) continue;
    yieldedAt = from;
    yield;
  }
}

/** Parses the members of the object that begins at `at`, in pieces: `take` is given objects of some of them, in the order of the text. */
export function* parseMembers(text: PartedText, at: number, take: (members: object) => void): Generator<void, number> {
  let from = at + 1;
  for (let isFirst = true; ; isFirst = false) {
    const to = endOfPiece(text, from, PIECE_CHARS);
    const isLast = isLastPiece(text, to, CLOSE_OBJECT);
    if (!isEmptyList(text, from, to, isFirst && isLast)) take(JSON.parse(`{${text.slice(from, to)}}`) as object);
    if (isLast) return to + 1;
    from = to + 1;
    yield;
  }
}

function isLastPiece(text: PartedText, to: number, close: number): boolean {
  if (text.unit(to) === COMMA) return false;
  if (text.unit(to) !== close) throw new SyntaxError('unbalanced');
  return true;
}

/** Whether nothing stands between the brackets; nothing between two commas is an error that only the cut can see. */
function isEmptyList(text: PartedText, from: number, to: number, isOnly: boolean): boolean {
  if (skipSpace(text, from) < to) return false;
  if (!isOnly) throw new SyntaxError('an element is missing');
  return true;
}
