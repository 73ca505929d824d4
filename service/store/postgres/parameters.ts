/** Named parameters (`:name`), which all our statements have, as PostgreSQL takes them: `$1`, `$2`, … */
import type { SqlParams, SqlValue } from '../sql.js';

/** A statement in PostgreSQL's words. */
export interface PreparedText {
  readonly text: string;
  /** The parameter of each position. */
  readonly names: readonly string[];
  /** Parameters that are arrays: those that stand in `CAST(:name AS TYPE[])`. */
  readonly arrays: ReadonlySet<string>;
}

/** A bound value: everything travels as text, whatever its type. */
export type BoundValue = string | null | readonly (string | null)[];

/** Texts, quoted names, comments and casts hold no parameters. */
const TOKEN = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::|:([A-Za-z_][A-Za-z0-9_]*)/g;
const ARRAY = /CAST\s*\(\s*:([A-Za-z_][A-Za-z0-9_]*)\s+AS\s+[A-Za-z0-9_ ]+\[\]\s*\)/gi;

/** Translates a statement. A name that occurs twice is one parameter. */
export function prepareText(sql: string): PreparedText {
  const names: string[] = [];
  const arrays = new Set([...sql.matchAll(ARRAY)].map((match) => match[1]!));
  const text = sql.replace(TOKEN, (token, name: string | undefined) => {
    if (name === undefined) return token;
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return { text, names, arrays };
}

/** Binds one set of parameters; arrays get one element. @throws TypeError, RangeError as {@link toText} */
export function bindOne({ names, arrays }: PreparedText, params: SqlParams): BoundValue[] {
  return names.map((name) => {
    const value = toText(name, params[name]);
    return arrays.has(name) ? [value] : value;
  });
}

/** Binds many sets at once. What is no array must be the same in every set. @throws TypeError, RangeError */
export function bindMany({ names, arrays }: PreparedText, sets: readonly SqlParams[]): BoundValue[] {
  return names.map((name) => {
    const values = sets.map((params) => toText(name, params[name]));
    if (arrays.has(name)) return values;
    const first = values[0] ?? null;
    if (values.some((value) => value !== first)) throw new TypeError(`:${name} is no array and differs between sets`);
    return first;
  });
}

/** Throws for what is missing, and for a fraction: no float gets into the database, whatever a caller computes (I6). */
function toText(name: string, value: SqlValue | undefined): string | null {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
      return value.toString();
    case 'number':
      return BigInt(value).toString();
    case 'boolean':
      return value ? '1' : '0';
    case 'undefined':
      throw new TypeError(`parameter :${name} is missing`);
    default:
      return null;
  }
}
