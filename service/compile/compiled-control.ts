/** A control with its limits as integers and its verdict as a function. Pure. */

import type { CountedEvent } from '../ledger/counted-event.js';
import { formatScaled, parseScaled } from '../ledger/decimal.js';
import type { ControlFilter, CostControl, MetricType } from '../store/store.js';

/** 0: within the limits. 1: past the warn threshold. 2: the limit is reached. Kept as a number in `balance.announced`. */
export type VerdictLevel = 0 | 1 | 2;

/** What a balance holds. `value` in nano-dollars for TOTAL_COST, else a count. */
export interface BalanceValues {
  readonly value: bigint;
  /** How many events with an unknown price it holds; they count 0 in `value` (I5). */
  readonly unknownCount: bigint;
}

/** A control made ready. Limits are in the unit of the balance. */
export interface CompiledControl {
  readonly control: CostControl;
  /** What raises add is in it. */
  readonly limit: bigint;
  readonly warn: bigint | null;
  /** From this value on a balance matters to the feed. */
  readonly floor: bigint;
  /** More unknown prices than this matter to the feed; no count is above it where the control only flags them. */
  readonly unknownFloor: bigint;
  /** What an event of unknown price is assumed to cost, in nano-dollars; `null` where nothing is assumed (I5). */
  readonly assumed: AssumedPrice | null;
}

/** A price that a person stated for events whose own is unknown. */
export interface AssumedPrice {
  readonly perMillionTokensNanoUsd: bigint;
  readonly perRequestNanoUsd: bigint;
}

/** More digits than a limit has. */
const SUM_DIGITS = 40;
const NO_COUNT = 2n ** 62n;
/** Larger limits cannot be reached by a 64-bit balance. */
const LIMIT_MAX = 2n ** 62n;

/** Decimal digits below the unit of a metric: nine for money and credits, none for counts. */
export function digitsOf(metric: MetricType): number {
  return metric === 'TOTAL_COST' || metric === 'CREDITS_CONSUMED' ? 9 : 0;
}

/** Compiles a control; a limit between two integers is rounded up: a balance below it is below it. */
export function compileControl(control: CostControl): CompiledControl {
  const digits = digitsOf(control.metricType);
  const raised = parseScaled(control.raised ?? '0', digits) ?? 0n;
  const limit = withinMax(limitOf(control.hardLimit, digits) + raised);
  const warn = control.warnThreshold === null ? null : limitOf(control.warnThreshold, digits);
  const counted = control.metricType === 'TOTAL_COST' && control.onUnknownPrice === 'refuse';
  return {
    control,
    limit,
    warn,
    floor: warn !== null && warn < limit ? warn : limit,
    unknownFloor: counted ? 0n : NO_COUNT,
    assumed: assumedOf(control),
  };
}

function assumedOf(control: CostControl): AssumedPrice | null {
  const { metricType, onUnknownPrice, assumedPricePerMillionTokens, assumedPricePerRequest } = control;
  if (metricType !== 'TOTAL_COST' || onUnknownPrice !== 'assume') return null;
  return {
    perMillionTokensNanoUsd: parseScaled(assumedPricePerMillionTokens ?? '0', 9) ?? 0n,
    perRequestNanoUsd: parseScaled(assumedPricePerRequest ?? '0', 9) ?? 0n,
  };
}

function limitOf(text: string, digits: number): bigint {
  const limit = parseScaled(text, digits, 'ceiling');
  if (limit === undefined) throw new RangeError(`not a decimal number: ${text}`);
  return withinMax(limit);
}

function withinMax(limit: bigint): bigint {
  return limit > LIMIT_MAX ? LIMIT_MAX : limit;
}

/** The limit that holds now, raises included, as decimal text in the metric's own unit. */
export function limitTextOf({ hardLimit, raised }: Pick<CostControl, 'hardLimit' | 'raised'>): string {
  if (raised === undefined) return hardLimit;
  const sum = (parseScaled(hardLimit, SUM_DIGITS) ?? 0n) + (parseScaled(raised, SUM_DIGITS) ?? 0n);
  return formatScaled(sum, SUM_DIGITS);
}

/** What raises add to a limit, and until when all of it is there. */
export type RaiseState = Pick<CostControl, 'raised' | 'raisedUntilMs'>;

/** No raise. */
export const NO_RAISE: RaiseState = Object.freeze({});

/** The sum of open raises of a metric with so many digits. */
export function raisedBy(
  open: readonly { readonly amount: string; readonly untilMs: number }[],
  digits: number,
): RaiseState {
  if (open.length === 0) return NO_RAISE;
  const sum = open.reduce((all, { amount }) => all + (parseScaled(amount, digits) ?? 0n), 0n);
  return { raised: formatScaled(sum, digits), raisedUntilMs: Math.min(...open.map(({ untilMs }) => untilMs)) };
}

/** The verdict on a balance. A limit of 0 is reached at once. */
export function verdictOf(compiled: CompiledControl, values: BalanceValues): VerdictLevel {
  if (values.value >= compiled.limit || values.unknownCount > compiled.unknownFloor) return 2;
  return compiled.warn !== null && values.value >= compiled.warn ? 1 : 0;
}

/** The value as decimal text in the metric's own unit. */
export function valueText(compiled: CompiledControl, value: bigint): string {
  return formatScaled(value, digitsOf(compiled.control.metricType));
}

/** The group of an event under a control, or `undefined` where the event cannot be attributed to any. */
export function groupOf(control: CostControl, event: CountedEvent): string | undefined {
  const placed = event.placements?.[control.id];
  if (typeof placed === 'object' && control.groupBy !== null) return placed[1];
  const { asked } = event;
  switch (control.groupBy) {
    case 'SUBSCRIBER':
      return event.subscriberGroup;
    case 'DEPARTMENT':
      return departmentGroupOf(control, event.departments);
    case 'MODEL':
      return asked.model;
    case 'PROVIDER':
      // Writers disagree on the case of provider names (contract 6.2); it must open no second budget.
      return asked.provider?.toUpperCase();
    case 'ORGANIZATION':
      return asked.organization;
    case 'PRODUCT':
      return asked.product;
    case 'CREDENTIAL':
      return asked.credentialName ?? asked.credential;
    case 'AGENT':
      return asked.agent;
    case 'TASK_TYPE':
      return asked.taskType;
    default:
      return undefined;
  }
}

/**
 * The department whose budget an event draws on: the person's own; under a control that is filtered to a department and
 * what lies below it, that department's direct child on the way down (contract 4.6), or itself for its own members.
 */
export function departmentGroupOf(control: Pick<CostControl, 'filters'>, line: readonly number[]): string | undefined {
  const filter = departmentFilterOf(control);
  if (filter?.includeDescendants !== true) return line.length === 0 ? undefined : String(line.at(-1));
  const position = line.indexOf(Number(filter.value));
  if (position < 0) return undefined;
  return String(line[position + 1] ?? line[position]);
}

/** Whether the departments of an event are within the scope of a control. */
export function isInDepartments(control: Pick<CostControl, 'filters'>, line: readonly number[]): boolean {
  const filter = departmentFilterOf(control);
  if (filter === undefined) return true;
  const id = Number(filter.value);
  return filter.includeDescendants === true ? line.includes(id) : line.at(-1) === id;
}

/** The filter on departments; a control has at most one. */
export function departmentFilterOf({ filters }: Pick<CostControl, 'filters'>): ControlFilter | undefined {
  return filters.find(({ dimension }) => dimension === 'DEPARTMENT');
}

/** Whether guards are told of a control by the addresses of persons, in maps, instead of by its rule (contract 2.2). */
export function isDepartmentRule(control: Pick<CostControl, 'filters' | 'groupBy'>): boolean {
  if (control.groupBy === 'DEPARTMENT') return true;
  return control.groupBy === null && departmentFilterOf(control) !== undefined;
}
