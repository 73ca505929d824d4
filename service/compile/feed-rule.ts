/** One rule of the feed as it goes over the wire (contract 2.2). Pure. */
import { isGraded, isHard } from '../ledger/hard-fields.js';
import type { ControlFilter } from '../store/store.js';
import {
  type BalanceValues,
  type CompiledControl,
  departmentFilterOf,
  isDepartmentRule,
  limitTextOf,
  valueText,
  verdictOf,
} from './compiled-control.js';
import type { CurrentWindow } from './current-window.js';

/** One entry of `groupBreakdown`. */
export interface FeedGroup {
  readonly groupValue: string;
  readonly displayName: string;
  readonly currentValue: number;
  /** A ratio: 1.0 is the limit. */
  readonly usagePercent: number;
  readonly breached: boolean;
  /** Of a hard control: as {@link FeedRule.exhausted}. */
  readonly exhausted?: boolean;
}

/**
 * A rule as JSON, but for its `groupBreakdown`: integers and numbers, never strings for either; every field that a public
 * SDK needs is there. `key` is ours: it tells apart the rules of one control.
 */
export interface FeedRule {
  readonly ruleId: number;
  readonly key: string;
  readonly teamId: number;
  readonly name: string;
  readonly metricType: string;
  readonly operatorType: 'GREATER_THAN_OR_EQUAL_TO';
  readonly threshold: number;
  readonly warnThreshold: number | null;
  readonly currentValue: number;
  readonly percentUsed: number;
  readonly breached: boolean;
  readonly warnBreached: boolean;
  readonly shadowMode: boolean;
  readonly action: string;
  readonly periodType: string;
  /** Epoch seconds; the end is the last millisecond that belongs to the window. */
  readonly windowStart: number;
  readonly windowEnd: number | null;
  readonly windowKey: string;
  readonly resetsAt: string | null;
  readonly filters: readonly ControlFilter[];
  readonly groupBy: string | null;
  /** Of a department rule: the department that its filter names. */
  readonly departmentId?: number;
  /** Of a hard control, and these two of no other. */
  readonly enforcement?: 'HARD';
  /** It reacts before it refuses: nobody who only polls is to refuse by it. */
  readonly graded?: boolean;
  /** Its limit is reached, whatever `breached` says: what a guard refuses by that gets no hold. */
  readonly exhausted?: boolean;
}

/** The verdict and the values that a rule shows. */
export interface RuleReading {
  readonly values: BalanceValues;
  /** The limit is reached. */
  readonly exhausted: boolean;
  readonly warnBreached: boolean;
}

/** Builds the rule of a control, or of one group of it where `group` is named. `key` tells it apart from others. */
export function feedRuleOf(
  compiled: CompiledControl,
  teamNumericId: number,
  window: CurrentWindow,
  reading: RuleReading,
  key: string,
  group?: string,
): FeedRule {
  const { control } = compiled;
  const threshold = Number(limitTextOf(control));
  const currentValue = displayNumber(compiled, reading.values.value);
  const { resetsAtMs } = window;
  const department = departmentFilterOf(control);
  // No call says its department: the maps, or the breakdown, hold only those whom it concerns.
  const filters = control.filters.filter((filter) => filter !== department);
  return {
    ruleId: control.ruleId,
    key,
    teamId: teamNumericId,
    name: group === undefined ? control.name : `${control.name} (${group})`,
    metricType: control.metricType,
    operatorType: 'GREATER_THAN_OR_EQUAL_TO',
    threshold,
    warnThreshold: control.warnThreshold === null ? null : Number(control.warnThreshold),
    currentValue,
    percentUsed: percentOf(currentValue, threshold),
    breached: reading.exhausted && !isGraded(control),
    warnBreached: reading.warnBreached,
    shadowMode: control.shadowMode,
    action: control.action,
    periodType: control.windowType,
    windowStart: window.startMs / 1_000,
    windowEnd: resetsAtMs === null ? null : (resetsAtMs - 1) / 1_000,
    windowKey: window.key,
    resetsAt: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
    filters: group === undefined ? filters : [...filters, groupFilter(compiled, group)],
    groupBy: group === undefined ? control.groupBy : null,
    ...(isDepartmentRule(control) && department !== undefined ? { departmentId: Number(department.value) } : {}),
    ...(isHard(control) ? { enforcement: 'HARD', graded: isGraded(control), exhausted: reading.exhausted } : {}),
  };
}

function groupFilter({ control }: CompiledControl, value: string): ControlFilter {
  return { dimension: control.groupBy!, operator: 'IS', value };
}

/** The verdict of one balance as a rule shows it. */
export function readingOf(compiled: CompiledControl, values: BalanceValues): RuleReading {
  const verdict = verdictOf(compiled, values);
  return { values, exhausted: verdict === 2, warnBreached: compiled.warn !== null && values.value >= compiled.warn };
}

/** One group of a breakdown. */
export function feedGroupOf(
  compiled: CompiledControl,
  groupValue: string,
  displayName: string,
  values: BalanceValues,
  exhausted: boolean,
): FeedGroup {
  const { control } = compiled;
  const currentValue = displayNumber(compiled, values.value);
  const usagePercent = Math.round(10_000 * shareOf(currentValue, Number(limitTextOf(control)))) / 10_000;
  const breached = exhausted && !isGraded(control);
  const group = { groupValue, displayName, currentValue, usagePercent, breached };
  return isHard(control) ? { ...group, exhausted } : group;
}

/** As a rule shows it: 100 is the limit. */
function percentOf(currentValue: number, threshold: number): number {
  return Math.round(10_000 * shareOf(currentValue, threshold)) / 100;
}

/** For people and wire only: the verdict is taken from the integers, never from this. */
function displayNumber(compiled: CompiledControl, value: bigint): number {
  return Number(valueText(compiled, value));
}

function shareOf(value: number, limit: number): number {
  if (limit > 0) return value / limit;
  return 1;
}
