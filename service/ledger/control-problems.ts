/** What a cost control may not mean, beyond what its types already rule out. */

import { digitsOf } from '../compile/compiled-control.js';
import type { CostControlInput } from '../store/store.js';
import { parseScaled } from './decimal.js';

/** Larger limits leave the 64 bits of a balance; nobody spends nine billion dollars in a quarter. */
const LIMIT_MAX_UNITS = 9_000_000_000n * 1_000_000_000n;
/** Keeps a rule of the feed, and the work for an event, within bounds (I10). */
const FILTERS_MAX = 20;
const FILTER_VALUES_MAX = 100;
const TEXT_MAX = 255;

/** Field to problem, in words for the person who wrote the control; empty where it can be kept. Pure. */
export function controlProblems(input: CostControlInput): Record<string, string> {
  const problems: Record<string, string> = {};
  if (input.name.trim() === '') problems['name'] = 'name must not be empty';
  const hardLimit = limitProblem(input, input.hardLimit);
  if (hardLimit !== undefined) problems['hardLimit'] = `hardLimit ${hardLimit}`;
  const warn = input.warnThreshold === null ? undefined : limitProblem(input, input.warnThreshold);
  if (warn !== undefined) problems['warnThreshold'] = `warnThreshold ${warn}`;
  if (input.groupBy === 'DEPARTMENT') {
    problems['groupBy'] = 'DEPARTMENT needs a directory of departments, which this service does not have yet';
  }
  const filters = filterProblem(input);
  if (filters !== undefined) problems['filters'] = filters;
  return problems;
}

function limitProblem(input: CostControlInput, text: string): string | undefined {
  const value = parseScaled(text, digitsOf(input.metricType), 'ceiling');
  if (value === undefined) return 'must be a decimal number';
  if (value < 0n) return 'must not be negative';
  return value > LIMIT_MAX_UNITS ? 'is too large' : undefined;
}

function filterProblem(input: CostControlInput): string | undefined {
  if (input.filters.length > FILTERS_MAX) return `at most ${FILTERS_MAX} filters are possible`;
  for (const [position, filter] of input.filters.entries()) {
    const place = `filter ${position}`;
    if (filter.dimension === 'DEPARTMENT') {
      return `${place}: DEPARTMENT needs a directory of departments, which this service does not have yet`;
    }
    const operands = filter.operator === 'IN' ? (filter.values ?? []) : [filter.value ?? ''];
    if (operands.length === 0) return `${place}: IN needs values`;
    if (operands.length > FILTER_VALUES_MAX) return `${place}: IN takes at most ${FILTER_VALUES_MAX} values`;
    if (operands.some((operand) => operand === '')) return `${place}: the value must not be empty`;
    if (operands.some((operand) => operand.length > TEXT_MAX)) return `${place}: a value is longer than ${TEXT_MAX}`;
  }
  return undefined;
}
