/** A feed, compiled once into what a decision reads. */
import type { DepartmentMaps, Feed, Rule, RuleFilter } from '../src/wire/feed.js';
import type { Observation, TrippedRule } from './decision.js';
import { comparable, dimensionNumber } from './dimensions.js';
import { createScopeIndexInSteps, type ScopeEntry, type ScopeIndex } from './scope-index.js';

/** What one group of a grouped rule says. */
export interface GroupReading {
  readonly breached: boolean;
  readonly currentValue: number | null;
}

/** A rule that would refuse, or that only observes, a call that its filters cover. */
export interface Verdict {
  readonly kind: 'block' | Observation['kind'];
  readonly rule: Rule;
  /** Milliseconds since the epoch; void from then on (I13). `Infinity` where the feed does not say. */
  readonly untilMs: number;
  /** Set for a grouped rule: it says something only about callers whose group is breached. */
  readonly groups: { readonly dimension: number; readonly byValue: ReadonlyMap<string, GroupReading> } | undefined;
}

/** All rules of a team at one revision, ready for {@link decide}. Rules that can do nothing to a call are not in it. */
export interface RuleSet {
  /** How many rules the feed had. */
  readonly size: number;
  readonly blocking: ScopeIndex<Verdict>;
  readonly observing: ScopeIndex<Verdict>;
  readonly departments: DepartmentMaps;
  /** The rules that the department maps name, by their id as text. */
  readonly departmentRules: ReadonlyMap<string, Rule>;
}

/** Rules, groups or map entries between two steps. */
const ITEMS_PER_STEP = 1_000;

/** Compiles at once. For a large feed use {@link compileInSteps}. */
export function compileRuleSet(feed: Pick<Feed, 'rules' | 'departments'>): RuleSet {
  const steps = compileInSteps(feed);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Compiles in steps of well under a millisecond. Never throws for a feed of the parser. */
export function* compileInSteps(feed: Pick<Feed, 'rules' | 'departments'>): Generator<void, RuleSet> {
  const departmentIds = yield* namedRuleIds(feed.departments);
  const departmentRules = new Map<string, Rule>();
  const blocking: ScopeEntry<Verdict>[] = [];
  const observing: ScopeEntry<Verdict>[] = [];
  let taken = 0;
  for (const rule of feed.rules) {
    taken += 1;
    if (taken % ITEMS_PER_STEP === 0) yield;
    if (departmentIds.size > 0) {
      const id = String(rule.ruleId);
      if (departmentIds.has(id) && !departmentRules.has(id)) departmentRules.set(id, rule);
    }
    const kind = kindOf(rule);
    if (kind === undefined) continue;
    const entry = rule.groupBreakdown === undefined ? pooledEntry(rule, kind) : yield* groupedEntry(rule, kind);
    if (entry !== undefined) (kind === 'block' ? blocking : observing).push(entry);
  }
  return {
    size: feed.rules.length,
    blocking: yield* createScopeIndexInSteps(blocking),
    observing: yield* createScopeIndexInSteps(observing),
    departments: feed.departments,
    departmentRules,
  };
}

/** When the verdicts of a rule are void: the earlier of its two times (I13), `Infinity` if it has none. */
export function validUntilMs(rule: Rule): number {
  return Math.min(rule.windowEndMs ?? Number.POSITIVE_INFINITY, rule.resetsAtMs ?? Number.POSITIVE_INFINITY);
}

/** What the error and the logs show of a rule. */
export function trippedRule(rule: Rule, currentValue: number | null = rule.currentValue ?? null): TrippedRule {
  return {
    ruleId: rule.ruleId,
    ruleName: rule.name ?? null,
    currentValue,
    threshold: rule.threshold ?? null,
    resetsAt: rule.resetsAt ?? null,
    periodType: rule.periodType ?? null,
    action: rule.action,
  };
}

/** What a rule does to the calls that it covers; `undefined`: nothing, or it acts through the department maps (D8). */
function kindOf(rule: Rule): Verdict['kind'] | undefined {
  if (rule.departmentId !== undefined || rule.groupBy === 'DEPARTMENT') return undefined;
  const isGrouped = rule.groupBreakdown !== undefined;
  if (!isGrouped && !rule.breached) return rule.warnBreached ? 'warning' : undefined;
  if (rule.shadowMode) return 'shadow';
  return rule.action === 'BLOCK' ? 'block' : 'action';
}

function pooledEntry(rule: Rule, kind: Verdict['kind']): ScopeEntry<Verdict> {
  return { filters: filtersOf(rule), payload: { kind, rule, untilMs: validUntilMs(rule), groups: undefined } };
}

/** A grouped rule covers only callers of breached groups, so their values are one more IN row of its scope. */
function* groupedEntry(rule: Rule, kind: Verdict['kind']): Generator<void, ScopeEntry<Verdict> | undefined> {
  const groupBy = rule.groupBy ?? 'SUBSCRIBER';
  const dimension = dimensionNumber(groupBy);
  if (dimension === -1) return undefined;
  const byValue = new Map<string, GroupReading>();
  const breached: string[] = [];
  let taken = 0;
  for (const group of rule.groupBreakdown ?? []) {
    taken += 1;
    if (taken % ITEMS_PER_STEP === 0) yield;
    const value = comparable(dimension, group.groupValue);
    if (byValue.has(value)) continue;
    byValue.set(value, { breached: group.breached, currentValue: group.currentValue ?? null });
    if (group.breached) breached.push(value);
  }
  if (breached.length === 0) return undefined;
  return {
    filters: [...filtersOf(rule), { dimension: groupBy, operator: 'IN', values: breached }],
    payload: { kind, rule, untilMs: validUntilMs(rule), groups: { dimension, byValue } },
  };
}

/** The legacy field `credential` is a row like any other. */
function filtersOf(rule: Rule): readonly RuleFilter[] {
  if (rule.credential === undefined) return rule.filters;
  return [...rule.filters, { dimension: 'CREDENTIAL', operator: 'IS', value: rule.credential }];
}

function* namedRuleIds(departments: DepartmentMaps): Generator<void, ReadonlySet<string>> {
  const ids = new Set<string>();
  let taken = 0;
  for (const map of [departments.blocks, departments.warnings]) {
    for (const ruleId of map.values()) {
      ids.add(String(ruleId));
      taken += 1;
      if (taken % ITEMS_PER_STEP === 0) yield;
    }
  }
  return ids;
}
