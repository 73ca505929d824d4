/** Half of a surrogate pair is text in JSON and in JavaScript, and none in UTF-8: a store gives another text back. */

/** In a body of UTF-8 it can only be written as an escape. */
const ESCAPED = /\\ud[89a-f]/i;
/** With the flag, halves of whole pairs are not met. */
const HALF = /\p{Surrogate}/gu;

/** Puts U+FFFD for every half of a pair in the texts and names of a parsed body, in place. `text` is the body as it came. */
export function wellFormed(value: unknown, text: string): unknown {
  return ESCAPED.test(text) ? mended(value) : value;
}

function mended(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(HALF, '\ufffd');
  if (value === null || typeof value !== 'object') return value;
  const members = value as Record<string, unknown>;
  for (const [name, member] of Object.entries(members)) {
    const kept = name.replace(HALF, '\ufffd');
    if (kept !== name) delete members[name];
    members[kept] = mended(member);
  }
  return value;
}
