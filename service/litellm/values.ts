/** Values of a payload that somebody else made: of any type, or missing. Pure; nothing here throws. */

export type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Fields = Object.freeze({});

/** The value as an object, an empty one where it is none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : NOTHING;
}

/** The value as a text that says something and that every store takes: no U+0000, no half of a surrogate pair. */
export function textOf(value: unknown, lengthMax = 1_024): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.slice(0, lengthMax).replaceAll('\0', '').replace(HALF, '\ufffd').trim();
  return text === '' || text === 'None' ? undefined : text;
}

const HALF = /\p{Surrogate}/gu;

/** A whole number of at least 0. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** An instant in milliseconds: seconds since the epoch, as LiteLLM writes them, or ISO 8601. */
export function timeOf(value: unknown): number | undefined {
  const seconds =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^\d{1,20}(\.\d{1,20})?$/.test(value)
        ? Number(value)
        : undefined;
  const ms = seconds === undefined ? (typeof value === 'string' ? Date.parse(value) : Number.NaN) : seconds * 1_000;
  return Number.isFinite(ms) && ms > 0 && ms < TIME_MAX_MS ? Math.round(ms) : undefined;
}

/** The end of the year 9999: later ones have another notation. */
const TIME_MAX_MS = 253_402_300_799_000;

/** The same value, with every text in it made fit for every store. Deeper than 8 levels is cut. */
export function storable(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '').replace(HALF, '\ufffd');
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.map((one) => storable(one, depth + 1));
  const entries = Object.entries(value).filter(([name]) => name !== '__proto__');
  return Object.fromEntries(entries.map(([name, one]) => [String(storable(name)), storable(one, depth + 1)]));
}

const DEPTH_MAX = 8;
