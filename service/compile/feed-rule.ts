/** One rule of the feed as it goes over the wire (contract 2.2). Pure. */
import type { Window } from '../ledger/windows.js';
import type { ControlFilter } from '../store/store.js';
import { type BalanceValues, type CompiledControl, valueText, verdictOf } from './compiled-control.js';

/** One entry of `groupBreakdown`. */
export interface FeedGroup {
  readonly groupValue: string;
  readonly displayName: string;
  readonly currentValue: number;
  /** A ratio: 1.0 is the limit. */
  readonly usagePercent: number;
  readonly breached: boolean;
}

/** A rule as JSON: integers and numbers, never strings for either; every field that a public SDK needs is there. */
export interface FeedRule {
  readonly ruleId: number;
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
  readonly windowEnd: number;
  readonly windowKey: string;
  readonly resetsAt: string;
  readonly filters: readonly ControlFilter[];
  readonly groupBy: string | null;
  readonly groupBreakdown: readonly FeedGroup[] | null;
}

/** The verdict and the values that a rule shows. */
export interface RuleReading {
  readonly values: BalanceValues;
  readonly breached: boolean;
  readonly warnBreached: boolean;
}

/** Builds a rule; `breakdown` is `null` for a rule without groups. */
export function feedRuleOf(
  compiled: CompiledControl,
  teamNumericId: number,
  window: Window,
  reading: RuleReading,
  breakdown: readonly FeedGroup[] | null,
): FeedRule {
  const { control } = compiled;
  const threshold = Number(control.hardLimit);
  const currentValue = displayNumber(compiled, reading.values.value);
  return {
    ruleId: control.ruleId,
    teamId: teamNumericId,
    name: control.name,
    metricType: control.metricType,
    operatorType: 'GREATER_THAN_OR_EQUAL_TO',
    threshold,
    warnThreshold: control.warnThreshold === null ? null : Number(control.warnThreshold),
    currentValue,
    percentUsed: Math.round(10_000 * shareOf(currentValue, threshold)) / 100,
    breached: reading.breached,
    warnBreached: reading.warnBreached,
    shadowMode: control.shadowMode,
    action: control.action,
    periodType: control.windowType,
    windowStart: window.startMs / 1_000,
    windowEnd: (window.endMs - 1) / 1_000,
    windowKey: window.key,
    resetsAt: new Date(window.endMs).toISOString(),
    filters: control.filters,
    groupBy: control.groupBy,
    groupBreakdown: breakdown,
  };
}

/** The verdict of one balance as a rule shows it. */
export function readingOf(compiled: CompiledControl, values: BalanceValues): RuleReading {
  const verdict = verdictOf(compiled, values);
  return { values, breached: verdict === 2, warnBreached: compiled.warn !== null && values.value >= compiled.warn };
}

/** One group of a breakdown. */
export function feedGroupOf(
  compiled: CompiledControl,
  groupValue: string,
  displayName: string,
  values: BalanceValues,
): FeedGroup {
  const currentValue = displayNumber(compiled, values.value);
  return {
    groupValue,
    displayName,
    currentValue,
    usagePercent: Math.round(10_000 * shareOf(currentValue, Number(compiled.control.hardLimit))) / 10_000,
    breached: verdictOf(compiled, values) === 2,
  };
}

/** For people and wire only: the verdict is taken from the integers, never from this. */
function displayNumber(compiled: CompiledControl, value: bigint): number {
  return Number(valueText(compiled, value));
}

function shareOf(value: number, limit: number): number {
  if (limit > 0) return value / limit;
  return 1;
}
