/** How single values of the feed are read. `null` counts as absent everywhere. */

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const TIME = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|z|[+-]\d{2}:?\d{2})?)?$/;

/** Seconds beyond this (the year 5138) can only be milliseconds. */
const SECONDS_MAX = 1e11;

/** A finite number, or a text that is one (contract 2.11, D11); else `undefined`. */
export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (!NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** A text that is not empty; else `undefined`. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A whole number or a text that is not blank, as it came; else `undefined`. */
export function readId(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value : undefined;
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/**
 * Milliseconds since the epoch from epoch seconds (fractions allowed, also as text) or an ISO-8601 text; else
 * `undefined`. A text without a zone is UTC: `Date.parse` alone would take it for local time, so that a verdict would
 * end hours early or late.
 */
export function readTimeMs(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const seconds = readNumber(value);
  if (seconds !== undefined) return Math.abs(seconds) > SECONDS_MAX ? seconds : Math.round(seconds * 1000);
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const hasTime = text.length > 10;
  const ms = Date.parse(hasTime && match[1] === undefined ? `${text.replace(' ', 'T')}Z` : text.replace(' ', 'T'));
  return Number.isNaN(ms) ? undefined : ms;
}

/** A name of an open list in the form in which it is compared: trimmed, upper case; `undefined` for what is no text. */
export function readName(value: unknown): string | undefined {
  return typeof value === 'string' ? value.trim().toUpperCase() : undefined;
}
