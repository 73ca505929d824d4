/**
 * Where the members of a JSON object stand in its bytes. Strict where another parser could read something else than
 * `JSON.parse` does: a name twice, a name in other letter cases (Go's parser takes it for the same), nesting without end.
 */

/** One member: its name, and where its value begins and ends. */
export interface Member {
  readonly name: string;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The members of the outermost object, or why this is none that can be forwarded. */
export type MembersReading =
  | { readonly ok: true; readonly start: number; readonly members: readonly Member[] }
  | { readonly ok: false; readonly reason: string };

/** Deeper bodies are refused: nothing of what is asked for needs it, and what walks them has a stack. */
export const JSON_DEPTH_MAX = 128;
/** No API has so many members; comparing them must not take long. */
const MEMBERS_MAX = 256;

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

/** Finds them. The text is JSON already: `JSON.parse` has taken it. */
export function readMembers(raw: Buffer): MembersReading {
  const start = skipSpace(raw, 0);
  if (raw[start] !== OPEN_BRACE) return { ok: false, reason: 'must be a JSON object' };
  const members: Member[] = [];
  const seen = new Set<string>();
  let at = skipSpace(raw, start + 1);
  while (raw[at] === QUOTE) {
    const nameEnd = endOfString(raw, at);
    const name = nameOf(raw, at, nameEnd);
    const colon = skipSpace(raw, nameEnd);
    if (raw[colon] !== COLON) return BROKEN;
    const valueStart = skipSpace(raw, colon + 1);
    const valueEnd = endOfValue(raw, valueStart);
    if (valueEnd === TOO_DEEP) return { ok: false, reason: `must not be nested deeper than ${JSON_DEPTH_MAX} levels` };
    const folded = foldedName(name);
    if (seen.has(folded)) return { ok: false, reason: 'has a member twice: each may be there once, letter case aside' };
    seen.add(folded);
    members.push({ name, valueStart, valueEnd });
    if (members.length > MEMBERS_MAX) return { ok: false, reason: `must not have more than ${MEMBERS_MAX} members` };
    at = skipSpace(raw, valueEnd);
    if (raw[at] !== COMMA) break;
    at = skipSpace(raw, at + 1);
  }
  return raw[at] === CLOSE_BRACE ? { ok: true, start, members } : BROKEN;
}

const BROKEN: MembersReading = { ok: false, reason: 'is no JSON that can be read in one way only' };

/** Lower case as Go's parser compares names: the Kelvin sign is a k, the long s an s. */
export function foldedName(name: string): string {
  return PLAIN.test(name)
    ? name
    : name
        .toLowerCase()
        .replace(/\u212a/g, 'k')
        .replace(/\u017f/g, 's');
}

const PLAIN = /^[a-z0-9_]*$/;

function nameOf(raw: Buffer, start: number, end: number): string {
  const text = raw.toString('utf8', start, end);
  return text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
}

function skipSpace(raw: Buffer, from: number): number {
  let at = from;
  while (at < raw.length && raw[at]! <= 32) at += 1;
  return at;
}

/** The offset behind the closing quote of the string that begins at `from`. Long texts are skipped by native search. */
function endOfString(raw: Buffer, from: number): number {
  let quote = raw.indexOf(QUOTE, from + 1);
  while (quote !== -1) {
    let slashes = 0;
    while (raw[quote - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    quote = raw.indexOf(QUOTE, quote + 1);
  }
  return raw.length;
}

const TOO_DEEP = -1;

/** The offset behind the value that begins at `from`. */
function endOfValue(raw: Buffer, from: number): number {
  let depth = 1;
  let at = from;
  while (at < raw.length) {
    const byte = raw[at]!;
    if (byte === QUOTE) {
      at = endOfString(raw, at);
      if (depth === 1) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      if (depth > JSON_DEPTH_MAX) return TOO_DEEP;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 1) return at;
      depth -= 1;
      if (depth === 1) return at + 1;
    } else if (depth === 1 && (byte === COMMA || byte <= 32)) return at;
    at += 1;
  }
  return at;
}
