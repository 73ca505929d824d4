/** How one scope is found in the index: which of its rows become the key, which row is excluded, which are verified. */
import type { RuleFilter } from '../src/wire/feed.js';
import { type FilterRow, toRow } from './match-filters.js';
import { PATTERN_CHARS_MAX, type PatternPlace } from './pattern-trie.js';

/** IN rows of one scope multiply; beyond so many keys the larger ones are verified instead (I10). */
const KEYS_MAX = 64;

/** A scope taken apart. Scopes with the same {@link signature} share one table. */
export interface ScopePlan {
  readonly signature: string;
  /** The dimensions of IS and IN rows, ascending, each once. */
  readonly exact: readonly number[];
  /** For each of them the values that fit. The keys are their product. */
  readonly exactValues: readonly (readonly string[])[];
  /** At most one of the rows STARTS_WITH, ENDS_WITH and CONTAINS is part of the key. */
  readonly pattern?: { readonly dimension: number; readonly place: PatternPlace; readonly text: string };
  /** At most one IS_NOT row: the scopes of one key stand grouped by the value that they exclude. */
  readonly excluded?: { readonly dimension: number; readonly value: string };
  /** What the key leaves open, row by row. */
  readonly verify?: readonly FilterRow[];
  /** How many keys lead to the scope. */
  readonly keys: number;
}

const TEAM_WIDE: ScopePlan = { signature: '', exact: [], exactValues: [], keys: 1 };
const PLACES = { STARTS_WITH: 'start', ENDS_WITH: 'end', CONTAINS: 'anywhere' } as const;

/** The plan of a scope, or `undefined` where no call can ever match it. */
export function planScope(filters: readonly RuleFilter[]): ScopePlan | undefined {
  if (filters.length === 0) return TEAM_WIDE;
  const rows = filters.map(toRow);
  if (rows.some(neverHolds)) return undefined;

  const exact: FilterRow[] = [];
  const verify: FilterRow[] = [];
  let pattern: FilterRow | undefined;
  let excluded: FilterRow | undefined;
  // The smallest first: a long IN list next to an IS row adds keys, not speed.
  for (const row of rows.length === 1 ? rows : rows.sort((a, b) => a.values.size - b.values.size)) {
    if (row.operator === 'IS_NOT') {
      if (excluded === undefined) excluded = row;
      else verify.push(row);
    } else if (row.operator === 'IS' || row.operator === 'IN') {
      const isFirst = exact.length === 0;
      const fits =
        isFirst || (keysOf(exact) * sizeOf(row) <= KEYS_MAX && exact.every((e) => e.dimension !== row.dimension));
      (fits ? exact : verify).push(row);
    } else if (pattern === undefined && row.value !== '') {
      pattern = row;
      if (row.value.length > PATTERN_CHARS_MAX) verify.push(row);
    } else verify.push(row);
  }
  exact.sort((a, b) => a.dimension - b.dimension);
  return {
    signature: signatureOf(exact, pattern, excluded),
    exact: exact.map((row) => row.dimension),
    exactValues: exact.map((row) => (row.operator === 'IS' ? [row.value] : [...row.values])),
    keys: keysOf(exact),
    ...(pattern === undefined ? {} : { pattern: patternOf(pattern) }),
    ...(excluded === undefined ? {} : { excluded: { dimension: excluded.dimension, value: excluded.value } }),
    ...(verify.length === 0 ? {} : { verify }),
  };
}

function neverHolds(row: FilterRow): boolean {
  return row.dimension === -1 || (row.operator === 'IN' && row.values.size === 0);
}

const sizeOf = (row: FilterRow): number => (row.operator === 'IN' ? row.values.size : 1);
const keysOf = (rows: readonly FilterRow[]): number => rows.reduce((keys, row) => keys * sizeOf(row), 1);

function patternOf(row: FilterRow): ScopePlan['pattern'] {
  const place = PLACES[row.operator as keyof typeof PLACES];
  const { value } = row;
  const text = place === 'end' ? value.slice(-PATTERN_CHARS_MAX) : value.slice(0, PATTERN_CHARS_MAX);
  return { dimension: row.dimension, place, text };
}

function signatureOf(exact: readonly FilterRow[], pattern?: FilterRow, excluded?: FilterRow): string {
  let signature = '';
  for (const row of exact) signature += row.dimension;
  if (pattern !== undefined) signature += ` ${pattern.operator}${pattern.dimension}`;
  if (excluded !== undefined) signature += ` not ${excluded.dimension}`;
  return signature;
}
