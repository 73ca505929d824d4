/** What is said about a value that is none of the allowed ones; the text is that of the contract (5.2). */

const SHOWN_MAX = 64;

/** `Value 'AUX' is not valid. Allowed values: [CHAT, GENERATE]`, with a long value cut to 64 characters. */
export function notAllowed(value: unknown, allowed: readonly string[]): string {
  const shown = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const cut = shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}…` : shown;
  return `Value '${cut}' is not valid. Allowed values: [${allowed.join(', ')}]`;
}
