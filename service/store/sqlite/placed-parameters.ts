/** Named parameters (`:name`) by their places: a driver binds a list several times faster than an object. */

/** A statement whose parameters are `?`. */
export interface PlacedText {
  readonly text: string;
  /** The parameter of each place. */
  readonly names: readonly string[];
}

/** Texts, quoted names and comments hold no parameters. */
const TOKEN = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|:([A-Za-z_][A-Za-z0-9_]*)/g;

/**
 * Translates a statement; `undefined` where a parameter occurs twice: as two of them SQLite could not see that both are
 * the same, and could choose another plan.
 */
export function placeParameters(sql: string): PlacedText | undefined {
  const names: string[] = [];
  const text = sql.replace(TOKEN, (token, name: string | undefined) => {
    if (name === undefined) return token;
    names.push(name);
    return '?';
  });
  return new Set(names).size === names.length ? { text, names } : undefined;
}

/** The names of a statement's parameters, each once. */
export function parameterNames(sql: string): readonly string[] {
  return [...new Set([...sql.matchAll(TOKEN)].flatMap(([, name]) => name ?? []))];
}
