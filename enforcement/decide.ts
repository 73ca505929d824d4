/**
 * Station 2, the hot path: what the rules say about one call. Pure. Department verdicts first, then the rules in the
 * order of the feed; the first that blocks wins (contract 2.10, steps 5 to 8, with the choices D4 to D13 of 2.11).
 */
import type { Rule } from '../src/wire/feed.js';
import {
  type CallDimensions,
  type Decision,
  type DecisionCode,
  OBSERVED_MAX,
  type Observation,
  type RefuseDecision,
  type TrippedRule,
} from './decision.js';
import { CANDIDATES_MAX, candidate } from './dimensions.js';
import { matchesFilters } from './match-filters.js';
import { normaliseEmail } from './normalise-email.js';
import type { RuleSet } from './rule-set.js';
import { type GroupReading, isOfTheCall, trippedRule, type Verdict, validUntilMs } from './verdict.js';

const ALLOWED: Decision = Object.freeze({ outcome: 'allow', code: 'ALLOWED' });
const NOTHING: readonly Observation[] = Object.freeze([]);

/**
 * Decides on a call. `nowMs` is the wall clock: a verdict whose window has ended is void (I13). Takes well under a
 * microsecond, however many rules there are; makes no object where no rule matches.
 */
export function decide(ruleSet: RuleSet, call: CallDimensions, nowMs: number): Decision {
  const department = decideDepartment(ruleSet, call, nowMs);
  const refusal = department?.refusal ?? decideRules(ruleSet, call, nowMs);
  const observed = observe(ruleSet, call, nowMs, department?.observed ?? NOTHING);
  if (refusal === undefined) return observed.length === 0 ? ALLOWED : { outcome: 'allow', code: 'ALLOWED', observed };
  return observed.length === 0 ? refusal : { ...refusal, observed };
}

function decideRules(ruleSet: RuleSet, call: CallDimensions, nowMs: number): RefuseDecision | undefined {
  const verdict = ruleSet.blocking.first(call, applies, nowMs);
  if (verdict === undefined) return undefined;
  return refuse(verdict.groups === undefined ? 'RULE_TRIPPED' : 'GROUP_TRIPPED', ruleFor(verdict, call));
}

function observe(
  ruleSet: RuleSet,
  call: CallDimensions,
  nowMs: number,
  before: readonly Observation[],
): readonly Observation[] {
  if (ruleSet.observing.size === 0) return before;
  const verdicts = ruleSet.observing.firstFew(call, OBSERVED_MAX - before.length, applies, nowMs);
  if (verdicts.length === 0) return before;
  return [...before, ...verdicts.map((verdict) => observationOf(verdict, call))];
}

/** Whether the window of a verdict still runs and, for a grouped rule, the caller's own group is breached. */
function applies(verdict: Verdict, call: CallDimensions, nowMs: number): boolean {
  if (nowMs >= verdict.untilMs) return false;
  return verdict.groups === undefined || groupOf(verdict.groups, call)?.breached === true;
}

/** The caller's group: the first of its identities that the breakdown lists decides (contract 2.6). */
export function groupOf(groups: NonNullable<Verdict['groups']>, call: CallDimensions): GroupReading | undefined {
  const value = groupValueOf(groups, call);
  return value === undefined ? undefined : groups.byValue.get(value);
}

function groupValueOf(groups: NonNullable<Verdict['groups']>, call: CallDimensions): string | undefined {
  for (let which = 0; which < CANDIDATES_MAX; which += 1) {
    const value = candidate(call, groups.dimension, which);
    if (value !== undefined && groups.byValue.get(value) !== undefined) return value;
  }
  return undefined;
}

/** A grouped rule shows the group's own value, never the sum over all groups. */
export function ruleFor(verdict: Verdict, call: CallDimensions): TrippedRule {
  const { groups, rule } = verdict;
  if (groups === undefined) return trippedRule(rule);
  const value = groupValueOf(groups, call);
  return trippedRule(rule, value === undefined ? null : (groups.byValue.get(value)?.currentValue ?? null), value);
}

function observationOf(verdict: Verdict, call: CallDimensions): Observation {
  return { ...ruleFor(verdict, call), kind: verdict.kind as Observation['kind'], untilMs: finite(verdict.untilMs) };
}

interface DepartmentDecision {
  readonly refusal?: RefuseDecision;
  readonly observed: readonly Observation[];
}

/** Department rules act through the maps only. The maps carry the verdict, the rule what the error shows. */
function decideDepartment(ruleSet: RuleSet, call: CallDimensions, nowMs: number): DepartmentDecision | undefined {
  const { blocks, balances, warnings } = ruleSet.departments;
  if (blocks.size === 0 && warnings.size === 0) return undefined;
  if (typeof call.subscriberEmail !== 'string') return undefined;
  const email = normaliseEmail(call.subscriberEmail);
  if (email === '') return undefined;

  const observed: Observation[] = [];
  const blockedBy = blocks.get(email);
  if (blockedBy !== undefined) {
    const rule = ruleSet.departmentRules.get(String(blockedBy));
    const balance = balances.get(email);
    if (rule === undefined) {
      return { refusal: refuse('DEPARTMENT_TRIPPED', unlistedRule(blockedBy, balance, 'Department budget')), observed };
    }
    // A map names persons; what else the rule is scoped to, the call itself must say.
    if (nowMs < validUntilMs(rule) && matchesFilters(rule.filters.filter(isOfTheCall), call)) {
      const tripped = trippedRule(rule, balance ?? rule.currentValue);
      if (rule.action === 'BLOCK' && !rule.shadowMode)
        return { refusal: refuse('DEPARTMENT_TRIPPED', tripped), observed };
      observed.push({ ...tripped, kind: rule.shadowMode ? 'shadow' : 'action', untilMs: finite(validUntilMs(rule)) });
    }
  }
  const warnedBy = warnings.get(email);
  if (warnedBy !== undefined) {
    const warning = departmentWarning(
      ruleSet.departmentRules.get(String(warnedBy)),
      warnedBy,
      balances.get(email),
      nowMs,
    );
    if (warning !== undefined) observed.push(warning);
  }
  return observed.length === 0 ? undefined : { observed };
}

function departmentWarning(
  rule: Rule | undefined,
  ruleId: number,
  balance: number | undefined,
  nowMs: number,
): Observation | undefined {
  if (rule === undefined) return { ...unlistedRule(ruleId, balance, null), kind: 'warning', untilMs: null };
  if (nowMs >= validUntilMs(rule)) return undefined;
  return { ...trippedRule(rule, balance ?? rule.currentValue), kind: 'warning', untilMs: finite(validUntilMs(rule)) };
}

function finite(untilMs: number): number | null {
  return Number.isFinite(untilMs) ? untilMs : null;
}

/** A verdict of the maps whose rule the feed does not list: it stands, with what the maps say (contract 2.10, step 5). */
function unlistedRule(ruleId: number, balance: number | undefined, ruleName: string | null): TrippedRule {
  return {
    ruleId,
    ruleName,
    currentValue: balance ?? null,
    threshold: null,
    resetsAt: null,
    periodType: null,
    action: 'BLOCK',
  };
}

/** A refusal by a rule (contract 2.10). */
export function refuse(code: DecisionCode, rule: TrippedRule): RefuseDecision {
  const message = `Request blocked by Revenium enforcement rule: ${rule.ruleName || 'cost limit'}`;
  return { outcome: 'refuse', code, message, rule };
}
