/** What a rule does to the calls that it covers, and the scopes by which it is found. */
import type { GroupVerdict, Rule, RuleFilter } from '../src/wire/feed.js';
import type { Observation, TrippedRule } from './decision.js';
import { comparable, dimensionNumber } from './dimensions.js';
import type { ScopeEntry } from './scope-index.js';

/** What one group of a grouped rule says. */
export interface GroupReading {
  readonly breached: boolean;
  readonly currentValue: number | null;
  /** Of a hard control: its limit is reached, whatever the verdict says. */
  readonly exhausted?: boolean;
}

/** The groups of a rule, by the value in the form in which it is compared. */
export interface GroupTable {
  get(value: string): GroupReading | undefined;
}

/** A rule that would refuse, or that only observes, a call that its filters cover. */
export interface Verdict {
  readonly kind: 'block' | Observation['kind'];
  readonly rule: Rule;
  /** Milliseconds since the epoch; void from then on (I13). `Infinity` where the feed does not say. */
  readonly untilMs: number;
  /** Set for a grouped rule: it says something only about callers whose group is breached. */
  readonly groups: { readonly dimension: number; readonly byValue: GroupTable } | undefined;
}

/** Groups between two steps. */
const GROUPS_PER_STEP = 1_000;

/** Values of one IN row that becomes one entry; a rule with more breached groups has several entries. */
export const GROUPS_PER_ENTRY = 2_000;

/** When the verdicts of a rule are void: the earlier of its two times (I13), `Infinity` if it has none. */
export function validUntilMs(rule: Rule): number {
  return Math.min(rule.windowEndMs ?? Number.POSITIVE_INFINITY, rule.resetsAtMs ?? Number.POSITIVE_INFINITY);
}

/** What the error and the logs show of a rule. */
export function trippedRule(
  rule: Rule,
  currentValue: number | null = rule.currentValue ?? null,
  groupValue?: string,
): TrippedRule {
  return {
    ruleId: rule.ruleId,
    ruleName: rule.name ?? null,
    currentValue,
    threshold: rule.threshold ?? null,
    resetsAt: rule.resetsAt ?? null,
    periodType: rule.periodType ?? null,
    action: rule.action,
    ...(rule.key === undefined ? {} : { ruleKey: rule.key }),
    ...(groupValue === undefined ? {} : { groupValue }),
  };
}

/** What a rule does to the calls that it covers; `undefined`: nothing, or it acts through the department maps (D8). */
export function kindOf(rule: Rule): Verdict['kind'] | undefined {
  if (rule.departmentId !== undefined || rule.groupBy === 'DEPARTMENT') return undefined;
  const isGrouped = rule.groupBreakdown !== undefined;
  if (!isGrouped && !rule.breached) return rule.warnBreached ? 'warning' : undefined;
  if (rule.shadowMode) return 'shadow';
  return rule.action === 'BLOCK' ? 'block' : 'action';
}

/** The verdict of a rule without groups. */
export function pooledVerdict(rule: Rule, kind: Verdict['kind']): Verdict {
  return { kind, rule, untilMs: validUntilMs(rule), groups: undefined };
}

/** The groups of a rule, read for comparing; `breached` are the values of those that are. */
export interface GroupsReading {
  readonly dimension: number;
  readonly byValue: Map<string, GroupReading>;
  readonly breached: readonly string[];
}

/** Reads the groups of a rule, in steps; `undefined` where its callers have no groups (an unknown dimension). */
export function* readGroups(rule: Rule): Generator<void, GroupsReading | undefined> {
  const dimension = dimensionNumber(rule.groupBy ?? 'SUBSCRIBER');
  if (dimension === -1) return undefined;
  const byValue = new Map<string, GroupReading>();
  const breached: string[] = [];
  let taken = 0;
  for (const group of rule.groupBreakdown ?? []) {
    taken += 1;
    if (taken % GROUPS_PER_STEP === 0) yield;
    const value = comparable(dimension, group.groupValue);
    if (byValue.has(value)) continue;
    byValue.set(value, groupReading(group));
    if (group.breached) breached.push(value);
  }
  return { dimension, byValue, breached };
}

/** What a group says, as it is kept. */
export function groupReading(group: Omit<GroupVerdict, 'groupValue'>): GroupReading {
  const currentValue = group.currentValue ?? null;
  return group.exhausted === true
    ? { breached: group.breached, currentValue, exhausted: true }
    : { breached: group.breached, currentValue };
}

/** Whether calls that a rule covers are admitted against holds. */
export function isHolding(rule: Rule): boolean {
  return rule.hard !== undefined && !rule.shadowMode;
}

/** A hard rule as the index of such rules has it: found by its filters, whatever its verdict is. */
export function holdingVerdict(rule: Rule, groups: Verdict['groups']): Verdict {
  return { kind: 'block', rule, untilMs: validUntilMs(rule), groups };
}

/** Its entry. Who is in a department is what the service knows: such a row counts as covering the call. */
export function holdingEntry(verdict: Verdict): ScopeEntry<Verdict> {
  return { filters: filtersOf(verdict.rule).filter(isOfTheCall), payload: verdict };
}

/** Who is in a department is what the maps say; a call cannot, and a row about it must not void the verdict. */
export function isOfTheCall({ dimension }: RuleFilter): boolean {
  return dimension !== 'DEPARTMENT';
}

/** The entry of a rule without groups. */
export function pooledEntry(verdict: Verdict): ScopeEntry<Verdict> {
  return { filters: filtersOf(verdict.rule), payload: verdict };
}

/** A grouped rule covers only callers of breached groups, so their values are one more IN row of its scope. */
export function groupedEntries(verdict: Verdict, breached: readonly string[]): readonly ScopeEntry<Verdict>[] {
  const entries: ScopeEntry<Verdict>[] = [];
  const dimension = verdict.rule.groupBy ?? 'SUBSCRIBER';
  for (let from = 0; from < breached.length; from += GROUPS_PER_ENTRY) {
    const values = breached.slice(from, from + GROUPS_PER_ENTRY);
    entries.push({
      filters: [...filtersOf(verdict.rule), { dimension, operator: 'IN', values }],
      payload: verdict,
    });
  }
  return entries;
}

/** The legacy field `credential` is a row like any other. */
function filtersOf(rule: Rule): readonly RuleFilter[] {
  if (rule.credential === undefined) return rule.filters;
  return [...rule.filters, { dimension: 'CREDENTIAL', operator: 'IS', value: rule.credential }];
}
