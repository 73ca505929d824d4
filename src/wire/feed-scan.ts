/**
 * Cuts JSON text into pieces at the commas of one level, so that a long list can be parsed piece by piece. The cut
 * checks nothing: each piece is parsed strictly by `JSON.parse`, and pieces that are valid, with single commas between
 * them, are a valid whole.
 */
import type { PartedText } from './parted-text.js';

/** Characters of a piece: about 0.1 ms of `JSON.parse`. One element is never cut. */
const PIECE_CHARS = 16_384;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

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

/**
 * Parses the list that begins at `at`, element by element, and gives each to `take`. Yields about every
 * {@link PIECE_CHARS}. Returns the index after its end; throws SyntaxError where it is not JSON.
 */
export function* parseElements(
  text: PartedText,
  at: number,
  take: (element: unknown) => void,
): Generator<void, number> {
  let from = at + 1;
  let yieldedAt = from;
  for (let isFirst = true; ; isFirst = false) {
    const to = endOfPiece(text, from);
    const isLast = isLastPiece(text, to, CLOSE_LIST);
    // A slice of the text is parsed where it lies; a piece with brackets put around it would be copied first.
    if (!isEmptyList(text, from, to, isFirst && isLast)) take(JSON.parse(text.slice(from, to)));
    if (isLast) return to + 1;
    from = to + 1;
    if (from - yieldedAt < PIECE_CHARS) continue;
    yieldedAt = from;
    yield;
  }
}

/** The same for the members of an object: `take` is given objects of some of them, in the order of the text. */
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
