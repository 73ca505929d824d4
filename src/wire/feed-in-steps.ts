/** Parsing of a large feed in steps, so that 33 MB of rules never hold the event loop for long. */
import type { FeedResult } from './feed.js';
import { DEPARTMENT_NAMES } from './feed-departments.js';
import { NOT_JSON, parseFeed } from './feed-parse.js';
import { isFeedField, RuleReader } from './feed-reader.js';
import { parseElements, parseJsonInSteps, parseMembers, skipSpace, skipString } from './feed-scan.js';
import { PartedText } from './parted-text.js';

/** Bodies up to this many characters are parsed at once: about 1 ms. */
export const AT_ONCE_CHARS_MAX = 262_144;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BYTE_ORDER_MARK = 0xfeff;

/** Larger maps are read piece by piece. */
const LARGE_FIELDS = new Set([...DEPARTMENT_NAMES, 'departmentBudgetBlockUnits']);

/**
 * The same result as {@link parseFeed}, in steps of well under a millisecond for bodies above
 * {@link AT_ONCE_CHARS_MAX}. Never throws. A body can come in the parts in which it was read; gluing a large one
 * together would be the longest step. With `keepRaw` the feed's `rawRules` are kept as objects.
 */
export function* parseFeedInSteps(
  body: string | readonly string[],
  status = 200,
  atOnceCharsMax = AT_ONCE_CHARS_MAX,
  keepRaw = false,
): Generator<void, FeedResult> {
  const parts = typeof body === 'string' ? [body] : body;
  const text = new PartedText(parts);
  // What a list or an object does not begin with is short, wrong or empty.
  const start = skipSpace(text, text.unit(0) === BYTE_ORDER_MARK ? 1 : 0);
  const first = text.unit(start);
  const isLarge = text.length > atOnceCharsMax && (first === OPEN_LIST || first === OPEN_OBJECT);
  if (!isLarge || status !== 200) return parseFeed(parts.join(''), status);
  try {
    return yield* parseLarge(text, start, keepRaw);
  } catch {
    return NOT_JSON;
  }
}

function* parseLarge(text: PartedText, start: number, keepRaw: boolean): Generator<void, FeedResult> {
  if (text.unit(start) === OPEN_LIST) {
    const reader = new RuleReader(keepRaw);
    const end = yield* parseElements(text, start, (raw) => reader.readInSteps(raw));
    if (skipSpace(text, end) < text.length) return NOT_JSON;
    return yield* reader.finish(reader.raws ?? new RulesInText(text, start));
  }
  const { fields, rules, raw } = yield* readEnvelope(text, start, keepRaw);
  if (![...fields.keys()].some(isFeedField)) return { kind: 'malformed', reason: 'no known field' };
  if (rules === undefined) return { kind: 'malformed', reason: 'rules is not a list' };
  return yield* rules.finish(raw, (name) => fields.get(name));
}

interface Envelope {
  readonly fields: ReadonlyMap<string, unknown>;
  /** `undefined`: the field is there and is no list. */
  readonly rules: RuleReader | undefined;
  readonly raw: Iterable<unknown>;
}

/** Reads the members of the outer object one after another. Of a name that comes twice the last one counts. */
function* readEnvelope(text: PartedText, start: number, keepRaw: boolean): Generator<void, Envelope> {
  const fields = new Map<string, unknown>();
  let rules: RuleReader | undefined = new RuleReader();
  let raw: Iterable<unknown> = [];
  let at = skipSpace(text, start + 1);
  for (let isFirst = true; ; isFirst = false) {
    if (isFirst && text.unit(at) === CLOSE_OBJECT) break;
    if (text.unit(at) !== QUOTE) throw new SyntaxError('a name is missing');
    const nameEnd = skipString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const colon = skipSpace(text, nameEnd);
    if (text.unit(colon) !== COLON) throw new SyntaxError('a colon is missing');
    const valueAt = skipSpace(text, colon + 1);
    let end: number;
    if (name === 'rules' && text.unit(valueAt) === OPEN_LIST) {
      const reader = new RuleReader(keepRaw);
      fields.set(name, true);
      end = yield* parseElements(text, valueAt, (element) => reader.readInSteps(element));
      rules = reader;
      raw = reader.raws ?? new RulesInText(text, valueAt);
    } else if (LARGE_FIELDS.has(name) && text.unit(valueAt) === OPEN_OBJECT) {
      const entries = new Map<string, unknown>();
      end = yield* parseMembers(text, valueAt, (piece) => {
        for (const [key, value] of Object.entries(piece)) entries.set(key, value);
      });
      fields.set(name, inObjectOrder(entries));
    } else {
      const parsed = yield* parseJsonInSteps(text, valueAt);
      const { value } = parsed;
      end = parsed.end;
      fields.set(name, value);
      if (name === 'rules') {
        rules = value === null ? new RuleReader() : undefined;
        raw = [];
      }
    }
    at = skipSpace(text, end);
    if (text.unit(at) === CLOSE_OBJECT) break;
    if (text.unit(at) !== COMMA) throw new SyntaxError('a comma is missing');
    at = skipSpace(text, at + 1);
    yield;
  }
  if (skipSpace(text, at + 1) < text.length) throw new SyntaxError('text after the end');
  return { fields, rules, raw };
}

/** The elements of a list that was parsed before, out of the text again. */
class RulesInText implements Iterable<unknown> {
  readonly #text: PartedText;
  readonly #at: number;

  constructor(text: PartedText, at: number) {
    this.#text = text;
    this.#at = at;
  }

  *[Symbol.iterator](): Iterator<unknown> {
    const found: unknown[] = [];
    const steps = parseElements(this.#text, this.#at, (element) => {
      found.push(element);
    });
    for (let isDone = false; !isDone; ) {
      isDone = steps.next().done === true;
      yield* found.splice(0);
    }
  }
}

/** An object lists keys that look like array indexes first, ascending; which of two like keys counts depends on it. */
function inObjectOrder(entries: Map<string, unknown>): Map<string, unknown> {
  const indexes = [...entries.keys()].filter(isArrayIndex);
  if (indexes.length === 0) return entries;
  const ordered = new Map<string, unknown>();
  for (const key of indexes.sort((a, b) => Number(a) - Number(b))) ordered.set(key, entries.get(key));
  for (const [key, value] of entries) ordered.set(key, value);
  return ordered;
}

function isArrayIndex(key: string): boolean {
  // The first character alone settles it for nearly every address.
  return key.charCodeAt(0) <= 0x39 && /^(0|[1-9]\d{0,9})$/.test(key) && Number(key) < 4_294_967_295;
}
