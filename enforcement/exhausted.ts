/** What stands in for a hold where none can be asked for: the verdicts of hard controls as the feed last said them. */
import { groupOf, refuse, ruleFor } from './decide.js';
import type { CallDimensions, RefuseDecision } from './decision.js';
import type { RuleSet } from './rule-set.js';
import type { Verdict } from './verdict.js';

/**
 * The refusal of a call by a hard control whose limit is reached, also where that control reacts before it refuses and its
 * rule says `breached: false` for that reason. As {@link decide}: the first rule that covers the call wins, in shadow mode
 * none does, and a verdict whose window has ended is void (I13). `undefined`: nothing is known against the call.
 */
export function exhaustedFor(ruleSet: RuleSet, call: CallDimensions, nowMs: number): RefuseDecision | undefined {
  if (ruleSet.holdingCount === 0) return undefined;
  const verdict = ruleSet.holding.first(call, isExhausted, nowMs);
  if (verdict === undefined) return undefined;
  return refuse(verdict.groups === undefined ? 'RULE_TRIPPED' : 'GROUP_TRIPPED', ruleFor(verdict, call));
}

function isExhausted(verdict: Verdict, call: CallDimensions, nowMs: number): boolean {
  if (nowMs >= verdict.untilMs || verdict.rule.action !== 'BLOCK') return false;
  if (verdict.groups !== undefined) return groupOf(verdict.groups, call)?.exhausted === true;
  // A rule whose groups could not be read says nothing about anybody.
  return verdict.rule.groupBreakdown === undefined && verdict.rule.hard?.exhausted === true;
}
