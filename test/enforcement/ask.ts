/** Puts a call to a feed as it travels. */
import { decide } from '../../enforcement/decide.js';
import type { CallDimensions, Decision } from '../../enforcement/decision.js';
import { compileRuleSet } from '../../enforcement/rule-set.js';
import { feedFromJson } from '../../src/wire/feed-parse.js';

/** When calls are made unless a test says otherwise: within the windows of the contract's example. */
export const NOW_MS = Date.UTC(2026, 10, 20, 12);

/** A pooled rule that refuses every call. */
export const tripped = { ruleId: 1, name: 'A rule', breached: true, threshold: 250, currentValue: 251.37 };

/** What the feed decides on the call. */
export function ask(body: unknown, call: CallDimensions, nowMs = NOW_MS): Decision {
  const result = feedFromJson(body);
  if (result.kind !== 'rules') throw new Error(`not a feed: ${JSON.stringify(result)}`);
  return decide(compileRuleSet(result.feed), call, nowMs);
}

/** The code of the decision of a feed with one tripped rule, some fields of which are others. */
export function code(rule: object, call: CallDimensions, nowMs?: number): string {
  return ask([{ ...tripped, ...rule }], call, nowMs).code;
}
