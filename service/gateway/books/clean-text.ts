/** Texts that every store takes: U+0000 is none of PostgreSQL's characters, and half a surrogate pair is none of UTF-8's. */

/** In JSON text both can only be written as escapes. */
const SUSPECT = /\\u0000|\\ud[89a-f]/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is the character that is meant
const UNKEEPABLE = /\u0000|\p{Surrogate}/gu;

/** Whether a JSON text may hold such a character. */
export function isSuspect(json: string): boolean {
  return SUSPECT.test(json);
}

/** The value with U+FFFD for every such character in its texts and names. */
export function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(UNKEEPABLE, '\ufffd');
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(cleaned);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.replace(UNKEEPABLE, '\ufffd'), cleaned(member)]),
  );
}
