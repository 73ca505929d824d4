/**
 * Removes what an injected `stream_options.include_usage` added to a chat stream, and nothing else (I3): the closing chunk
 * that carries only usage, and the `"usage":null` of every other chunk. At byte level and aware of strings, so that a
 * model that talks about `"usage":null` keeps its words, and numbers, key order and spacing stay as they came.
 */
import type { SseEvent } from './sse.js';

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

const NOTHING = new Uint8Array(0);
const USAGE_KEY = '"usage"';
const LAST_NULL = ',"usage":null';
const PLAIN_END = /^,"usage":null(?:,"\w+":"\w*")*\}$/;
const LF = 10;

/** One member of a JSON object, as offsets: from the key's quote to the end of the value, white space excluded. */
interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The rewrite for {@link SseDecoder}: the event's bytes without the traces of injected usage. */
export function stripInjectedUsage(raw: Buffer, event: SseEvent): Uint8Array {
  // An object that the server spread over several `data:` lines is left alone: its members have no one place.
  if (!event.data.includes(USAGE_KEY) || event.data.includes('\n')) return raw;
  const last = nullAmongLast(raw, event.data);
  if (last !== -1) return without(raw, last, last + LAST_NULL.length);
  const start = raw.indexOf(OPEN_BRACE);
  if (start === -1) return raw;
  const members = topLevelMembers(raw, start);
  const index = members.findIndex((member) => member.key === 'usage');
  const usage = members[index];
  if (usage === undefined) return raw;
  if (raw[usage.valueStart] === OPEN_BRACE) return isUsageOnly(raw, members) ? NOTHING : raw;
  if (raw.toString('latin1', usage.valueStart, usage.valueEnd) !== 'null') return raw;
  const from = index > 0 ? members[index - 1]!.valueEnd : usage.keyStart;
  const to = index > 0 ? usage.valueEnd : (members[1]?.keyStart ?? usage.valueEnd);
  return without(raw, from, to);
}

/**
 * Where `,"usage":null` stands among the last members of the object, behind it nothing but members whose values are
 * plain texts, or -1. An unescaped quote behind a comma opens a key, and a brace that ends the text closes the outermost
 * object: what is found here is what {@link topLevelMembers} would find, without reading all that stands before.
 */
function nullAmongLast(raw: Buffer, data: string): number {
  const index = data.indexOf(LAST_NULL);
  // Of several members of that name the first counts.
  if (index === -1 || data.indexOf(USAGE_KEY) !== index + 1 || !PLAIN_END.test(data.slice(index))) return -1;
  // What is behind it is ASCII, so it is counted from the end, where the blank line stands.
  const at = raw.length - 2 - (data.length - index);
  const endsPlainly = raw[raw.length - 1] === LF && raw[raw.length - 2] === LF && raw[raw.length - 3] === CLOSE_BRACE;
  return endsPlainly && raw[at] === COMMA && raw[at - 1]! > 32 ? at : -1;
}

function without(raw: Buffer, from: number, to: number): Uint8Array {
  const rest = new Uint8Array(raw.length - (to - from));
  rest.set(raw.subarray(0, from));
  rest.set(raw.subarray(to), from);
  return rest;
}

/** The closing chunk has `choices: []`. So has Azure's first one, which carries content filter results. */
function isUsageOnly(raw: Buffer, members: readonly Member[]): boolean {
  let choicesAreEmpty = false;
  for (const { key, valueStart, valueEnd } of members) {
    if (key === 'prompt_filter_results' || key === 'error') return false;
    if (key === 'choices') choicesAreEmpty = /^\[\s*\]$/.test(raw.toString('latin1', valueStart, valueEnd));
  }
  return choicesAreEmpty;
}

/** The members of the object that begins at `start`. Of text that is no JSON it gives some members or none. */
function topLevelMembers(raw: Buffer, start: number): Member[] {
  const members: Member[] = [];
  let at = skipSpace(raw, start + 1);
  while (at < raw.length && raw[at] === QUOTE) {
    const keyStart = at;
    const keyEnd = endOfString(raw, at);
    const colon = skipSpace(raw, keyEnd);
    const valueStart = skipSpace(raw, colon + 1);
    const valueEnd = endOfValue(raw, valueStart);
    members.push({ key: raw.toString('latin1', keyStart + 1, keyEnd - 1), keyStart, valueStart, valueEnd });
    at = skipSpace(raw, valueEnd);
    if (raw[at] !== COMMA) break;
    at = skipSpace(raw, at + 1);
  }
  return members;
}

function skipSpace(raw: Buffer, from: number): number {
  let at = from;
  while (at < raw.length && raw[at]! <= 32) at += 1;
  return at;
}

/** The offset behind the closing quote of the string that begins at `from`. */
function endOfString(raw: Buffer, from: number): number {
  let at = from + 1;
  while (at < raw.length && raw[at] !== QUOTE) at += raw[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** The offset behind the value that begins at `from`. */
function endOfValue(raw: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < raw.length) {
    const byte = raw[at]!;
    if (byte === QUOTE) {
      at = endOfString(raw, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 32)) return at;
    at += 1;
  }
  return at;
}
