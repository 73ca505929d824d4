/**
 * Canonical JSON for the fingerprint of the mirror (contract 2.9): keys sorted, no spaces, and everything beyond ASCII
 * escaped, as Python's `json.dumps(rules, sort_keys=True, separators=(',', ':'))` writes it.
 */

/** Parts are handed out at about this length: some 64 KB, well under a millisecond of work each. */
const PART_LENGTH = 65_536;
/** A list that is longer is written in parts of its own, so that one rule with 100,000 groups does not block. */
const LONG_LIST = 64;

// Everything but the printable ASCII that JSON.stringify leaves as it is.
const BEYOND_ASCII = /[\u007f-\uffff]/g;

function text(value: string): string {
  const quoted = JSON.stringify(value);
  return quoted.replace(BEYOND_ASCII, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `value`, which came out of JSON.parse, as canonical JSON. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return text(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).sort(byName);
  return `{${members.map(([name, item]) => `${text(name)}:${canonicalJson(item)}`).join(',')}}`;
}

/** The canonical JSON of a rule list, in parts; together they are what {@link canonicalJson} returns. */
export function* canonicalJsonInParts(rules: Iterable<unknown>): Generator<string, void> {
  let part = '[';
  let isFirst = true;
  for (const rule of rules) {
    if (!isFirst) part += ',';
    isFirst = false;
    for (const piece of ruleInPieces(rule)) {
      part += piece;
      if (part.length < PART_LENGTH) continue;
      yield part;
      part = '';
    }
  }
  yield `${part}]`;
}

function* ruleInPieces(rule: unknown): Generator<string, void> {
  if (!hasLongList(rule)) {
    yield canonicalJson(rule);
    return;
  }
  let before = '{';
  for (const [name, item] of Object.entries(rule).sort(byName)) {
    yield `${before}${text(name)}:`;
    before = ',';
    if (Array.isArray(item)) yield* listInPieces(item);
    else yield canonicalJson(item);
  }
  yield '}';
}

function* listInPieces(list: readonly unknown[]): Generator<string, void> {
  yield '[';
  for (const [index, item] of list.entries()) yield `${index > 0 ? ',' : ''}${canonicalJson(item)}`;
  yield ']';
}

function hasLongList(rule: unknown): rule is object {
  if (rule === null || typeof rule !== 'object' || Array.isArray(rule)) return false;
  return Object.values(rule).some((item) => Array.isArray(item) && item.length > LONG_LIST);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
