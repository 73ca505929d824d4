/**
 * Whether a JSON text would take far more memory and time to read than its bytes: 32 MiB of `[],` are eleven million
 * lists, which would hold up everybody for seconds. Texts count for nothing here, however long they are.
 */

/** Lists and objects, and members of objects. A long conversation with tools has thousands. */
export const JSON_NODES_MAX = 100_000;
/** Values after a first one. The largest batch of tokens that an embedding takes has 300,000. */
export const JSON_VALUES_MAX = 1_000_000;
/** What is shorter cannot hold so many. */
const LIGHT_BYTES = JSON_NODES_MAX;

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const OPEN_BRACKET = 91;

/** Counts what stands outside of texts, and stops where it is too much. Takes any bytes, JSON or not. */
export function isHeavyJson(raw: Buffer): boolean {
  if (raw.length <= LIGHT_BYTES) return false;
  let nodes = 0;
  let values = 0;
  for (let at = 0; at < raw.length; at += 1) {
    const byte = raw[at]!;
    if (byte === QUOTE) {
      at = closingQuote(raw, at);
      if (at === -1) return false;
    } else if (byte === COMMA) {
      values += 1;
      if (values > JSON_VALUES_MAX) return true;
    } else if (byte === COLON || byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      nodes += 1;
      if (nodes > JSON_NODES_MAX) return true;
    }
  }
  return false;
}

/** Of the text that begins at `from`; -1: it has none. Long texts are skipped by native search. */
function closingQuote(raw: Buffer, from: number): number {
  let quote = raw.indexOf(QUOTE, from + 1);
  while (quote !== -1) {
    let before = quote - 1;
    while (raw[before] === BACKSLASH) before -= 1;
    if ((quote - before) % 2 === 1) return quote;
    quote = raw.indexOf(QUOTE, quote + 1);
  }
  return -1;
}
