/** A feed, compiled once into what a decision reads. */
import type { DepartmentMaps, Feed, Rule } from '../src/wire/feed.js';
import type { CallDimensions } from './decision.js';
import { createScopeIndexInSteps, type ScopeEntry, type ScopeIndex } from './scope-index.js';
import {
  groupedEntries,
  holdingEntry,
  holdingVerdict,
  isHolding,
  kindOf,
  pooledEntry,
  pooledVerdict,
  readGroups,
  type Verdict,
  validUntilMs,
} from './verdict.js';

/** All rules of a team at one revision, ready for {@link decide}. Rules that can do nothing to a call are not in it. */
export interface RuleSet {
  /** How many rules the feed had. */
  readonly size: number;
  readonly blocking: ScopeIndex<Verdict>;
  readonly observing: ScopeIndex<Verdict>;
  /** Rules of hard controls, found by their filters alone. */
  readonly holding: ScopeIndex<Verdict>;
  /** How many of them there are, at most. */
  readonly holdingCount: number;
  readonly departments: DepartmentMaps;
  /** The rules that the department maps name, by their id as text. */
  readonly departmentRules: ReadonlyMap<string, Rule>;
  /**
   * Whether a call could be one that is admitted against holds. `false` is certain. `true` is not: only the service knows
   * who is in a department. Takes well under a microsecond, and looks at no verdict.
   */
  holdingFor(call: CallDimensions): boolean;
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
  const holding: ScopeEntry<Verdict>[] = [];
  let taken = 0;
  for (const rule of feed.rules) {
    taken += 1;
    if (taken % ITEMS_PER_STEP === 0) yield;
    if (departmentIds.size > 0) {
      const id = String(rule.ruleId);
      if (departmentIds.has(id) && !departmentRules.has(id)) departmentRules.set(id, rule);
    }
    const kind = kindOf(rule);
    const groups = rule.groupBreakdown === undefined ? undefined : yield* readGroups(rule);
    if (isHolding(rule)) holding.push(holdingEntry(holdingVerdict(rule, kind === undefined ? undefined : groups)));
    if (kind === undefined) continue;
    const side = kind === 'block' ? blocking : observing;
    if (rule.groupBreakdown === undefined) side.push(pooledEntry(pooledVerdict(rule, kind)));
    else if (groups !== undefined) {
      side.push(...groupedEntries({ kind, rule, untilMs: validUntilMs(rule), groups }, groups.breached));
    }
  }
  return ruleSetOf({
    size: feed.rules.length,
    blocking: yield* createScopeIndexInSteps(blocking),
    observing: yield* createScopeIndexInSteps(observing),
    holding: yield* createScopeIndexInSteps(holding),
    departments: feed.departments,
    departmentRules,
  });
}

/** A rule set of its parts. */
export function ruleSetOf(parts: Omit<RuleSet, 'holdingCount' | 'holdingFor'>): RuleSet {
  const { holding } = parts;
  return {
    ...parts,
    holdingCount: holding.size,
    holdingFor: (call) => holding.size > 0 && holding.first(call) !== undefined,
  };
}

/** The ids of the rules that the maps name, as text; in steps. */
export function* namedRuleIds(departments: DepartmentMaps): Generator<void, ReadonlySet<string>> {
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
