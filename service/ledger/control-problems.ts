/** What a cost control may not mean, beyond what its types already rule out. */

import { digitsOf } from '../compile/compiled-control.js';
import type { CostControlInput } from '../store/store.js';
import { parseScaled } from './decimal.js';
import { hardProblems } from './hard-fields.js';
import { DURATION_MAX_MS, DURATION_MIN_MS, parseDuration } from './rolling-window.js';
import { timeZoneName } from './time-zone.js';

/** Larger limits leave the 64 bits of a balance; nobody spends nine billion dollars in a quarter. */
export const LIMIT_MAX_UNITS = 9_000_000_000n * 1_000_000_000n;
const USD_DIGITS = 9;
/** A million dollars a request, or for a million tokens, is a mistake; times the tokens of an event it stays in 64 bits. */
const ASSUMED_MAX_NANO_USD = 1_000_000n * 1_000_000_000n;
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
  const grouping = groupingProblem(input);
  if (grouping !== undefined) problems['groupBy'] = grouping;
  Object.assign(problems, windowProblems(input), assumedProblems(input), hardProblems(input));
  const filters = filterProblem(input);
  if (filters !== undefined) problems['filters'] = filters;
  return problems;
}

function windowProblems(input: CostControlInput): Record<string, string> {
  const problems: Record<string, string> = {};
  const { windowType, windowDuration = null, timeZone = 'UTC' } = input;
  if (windowType === 'ROLLING') {
    const durationMs = windowDuration === null ? undefined : parseDuration(windowDuration);
    if (windowDuration === null)
      problems['windowDuration'] = 'windowDuration is required with ROLLING, for instance PT24H';
    else if (durationMs === undefined) problems['windowDuration'] = 'must be an ISO 8601 duration, for instance PT24H';
    else if (durationMs < DURATION_MIN_MS) problems['windowDuration'] = 'must be at least one minute (PT1M)';
    else if (durationMs > DURATION_MAX_MS) problems['windowDuration'] = 'must be at most ten years (P10Y)';
  } else if (windowDuration !== null) problems['windowDuration'] = 'is for windowType ROLLING only';
  if (timeZoneName(timeZone) === undefined) {
    problems['timeZone'] = 'must be the name of an IANA time zone, for instance Europe/Berlin';
  }
  return problems;
}

function assumedProblems(input: CostControlInput): Record<string, string> {
  const problems: Record<string, string> = {};
  const prices = {
    assumedPricePerMillionTokens: input.assumedPricePerMillionTokens ?? null,
    assumedPricePerRequest: input.assumedPricePerRequest ?? null,
  };
  const assumes = input.onUnknownPrice === 'assume';
  for (const [field, text] of Object.entries(prices)) {
    if (text === null) continue;
    const value = parseScaled(text, USD_DIGITS);
    if (!assumes) problems[field] = 'is for onUnknownPrice assume only';
    else if (value === undefined) problems[field] = 'must be a decimal number';
    else if (value < 0n) problems[field] = 'must not be negative';
    else if (value > ASSUMED_MAX_NANO_USD) problems[field] = 'is too large';
  }
  if (assumes && Object.values(prices).every((text) => text === null)) {
    problems['onUnknownPrice'] = 'assume needs assumedPricePerMillionTokens, assumedPricePerRequest or both';
  }
  return problems;
}

/** A verdict on departments reaches guards by the addresses of persons, which says nothing about a model or an agent. */
function groupingProblem({ groupBy, filters }: CostControlInput): string | undefined {
  const ofDepartments = filters.filter(({ dimension }) => dimension === 'DEPARTMENT').length;
  if (ofDepartments > 1) return 'only one filter can be on DEPARTMENT';
  if (ofDepartments === 0 || groupBy === null || groupBy === 'SUBSCRIBER' || groupBy === 'DEPARTMENT') return undefined;
  return `a control with a DEPARTMENT filter can be grouped by SUBSCRIBER or DEPARTMENT, not by ${groupBy}`;
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
    const operands = filter.operator === 'IN' ? (filter.values ?? []) : [filter.value ?? ''];
    if (operands.length === 0) return `${place}: IN needs values`;
    if (operands.length > FILTER_VALUES_MAX) return `${place}: IN takes at most ${FILTER_VALUES_MAX} values`;
    if (operands.some((operand) => operand === '')) return `${place}: the value must not be empty`;
    if (operands.some((operand) => operand.length > TEXT_MAX)) return `${place}: a value is longer than ${TEXT_MAX}`;
  }
  return undefined;
}
