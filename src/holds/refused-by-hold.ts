/** What the caller is told where a hold was refused. */
import type { RefuseDecision } from '../../enforcement/decision.js';
import type { HoldRefusal } from './hold-types.js';

const NANO_DIGITS = 9;

/** The refusal as a decision, with the whole arithmetic in the unit of the metric. */
export function decisionOfRefusal(refusal: HoldRefusal): RefuseDecision {
  const { metric } = refusal;
  const shown = (amount: string) => shownAmount(metric, amount);
  const limit = BigInt(refusal.limit) + BigInt(refusal.raised);
  return {
    outcome: 'refuse',
    code: refusal.code,
    message: refusal.message,
    rule: {
      ruleId: refusal.ruleId,
      ruleName: refusal.name,
      currentValue: Number(shown(refusal.spend)),
      threshold: Number(shown(String(limit))),
      resetsAt: refusal.resetsAt,
      periodType: refusal.periodType,
      action: 'BLOCK',
      ...(refusal.group === null ? {} : { groupValue: refusal.group }),
    },
    budget: {
      metric,
      limit: shown(refusal.limit),
      raised: shown(refusal.raised),
      spend: shown(refusal.spend),
      held: shown(refusal.held),
      remaining: shown(refusal.remaining),
      asked: shown(refusal.asked),
      resetsAt: refusal.resetsAt,
      retryAfterMs: refusal.retryAfterMs,
    },
  };
}

/** Nano-dollars as dollars, without rounding; a count as it is. */
export function shownAmount(metric: string, amount: string): string {
  if (metric !== 'TOTAL_COST') return amount;
  const isNegative = amount.startsWith('-');
  const digits = (isNegative ? amount.slice(1) : amount).padStart(NANO_DIGITS + 1, '0');
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, '');
  const whole = `${isNegative ? '-' : ''}${digits.slice(0, -NANO_DIGITS)}`;
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
