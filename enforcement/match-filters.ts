/** The meaning of a scope: whether the filters of a rule cover a call. The index (scope-index.ts) agrees with this. */
import type { FilterOperator, RuleFilter } from '../src/wire/feed.js';
import type { CallDimensions } from './decision.js';
import { CANDIDATES_MAX, candidate, comparable, dimensionNumber } from './dimensions.js';

/** A filter made ready for comparing. `dimension` is -1 where no call can carry it: such a row never holds. */
export interface FilterRow {
  readonly dimension: number;
  readonly operator: FilterOperator;
  readonly value: string;
  readonly values: ReadonlySet<string>;
}

const NO_VALUES: ReadonlySet<string> = new Set();

/** Makes a filter ready for comparing; a missing operand is the empty text, which no value of a call equals. */
export function toRow(filter: RuleFilter): FilterRow {
  const dimension = dimensionNumber(filter.dimension);
  return {
    dimension,
    operator: filter.operator,
    value: comparable(dimension, filter.value ?? ''),
    values:
      filter.operator === 'IN'
        ? new Set((filter.values ?? []).map((value) => comparable(dimension, value)))
        : NO_VALUES,
  };
}

/**
 * Whether one row covers the call. A value that the call does not have matches nothing, IS_NOT included. Where a
 * dimension has two values (id and e-mail), one that fits is enough; IS_NOT holds if neither is the excluded one.
 */
export function rowMatches(row: FilterRow, call: CallDimensions): boolean {
  let present = false;
  for (let which = 0; which < CANDIDATES_MAX; which += 1) {
    const value = candidate(call, row.dimension, which);
    if (value === undefined) continue;
    present = true;
    if (row.operator === 'IS_NOT') {
      if (value === row.value) return false;
    } else if (compares(row, value)) return true;
  }
  return present && row.operator === 'IS_NOT';
}

function compares(row: FilterRow, value: string): boolean {
  switch (row.operator) {
    case 'IS':
      return value === row.value;
    case 'IN':
      return row.values.has(value);
    case 'STARTS_WITH':
      return value.startsWith(row.value);
    case 'ENDS_WITH':
      return value.endsWith(row.value);
    case 'CONTAINS':
      return value.includes(row.value);
    default:
      return false;
  }
}

/** Whether all filters cover the call; no filters cover every call. For many scopes use {@link createScopeIndex}. */
export function matchesFilters(filters: readonly RuleFilter[], call: CallDimensions): boolean {
  return filters.every((filter) => rowMatches(toRow(filter), call));
}
