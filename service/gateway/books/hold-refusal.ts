/** Refusals by a hold as the gateway shows them: the ledger's own arithmetic, in the unit of the metric. */
import type { Affordable, HoldReactions, HoldRefusal } from 'fusewire/internal';
import { formatScaled } from '../../ledger/decimal.js';
import type { BudgetFacts, GatewayCall, Refusal } from '../types.js';

const NANO_DIGITS = 9;

/** The refusal. A control that is grouped names the group, else the budget is everybody's whom its filters cover. */
export function refusedByHold(call: GatewayCall, refusal: HoldRefusal, affordable: Affordable | undefined): Refusal {
  const { controlId, ruleId, name, metric, group, reactions, retryAfterMs } = refusal;
  const text = (amount: bigint) => formatScaled(amount, metric === 'TOTAL_COST' ? NANO_DIGITS : 0);
  const raised = BigInt(refusal.raised);
  const budget: BudgetFacts = {
    controlId,
    name,
    metric,
    limit: text(BigInt(refusal.limit) + raised),
    ...(raised === 0n ? {} : { raised: text(raised), ownLimit: text(BigInt(refusal.limit)) }),
    spend: text(BigInt(refusal.spend)),
    held: text(BigInt(refusal.held)),
    remaining: text(BigInt(refusal.remaining)),
    resetsAt: refusal.resetsAt,
    ...(group === null ? {} : { group }),
    isWarning: false,
  };
  return {
    code: refusal.code,
    message: `The budget ${refusal.message}.${resetText(refusal)}`,
    rule: { id: controlId, ruleId, name },
    scope: group === null ? scopeOfCaller(call) : { kind: 'group', value: group },
    budget,
    asked: text(BigInt(refusal.asked)),
    ...(isGraded(reactions)
      ? { instead: { reactions, outputTokensMax: affordable?.outputTokensMax ?? 0, retryAfterMs } }
      : {}),
  };
}

function isGraded({ clampOutput, downgradeTo, throttleMs }: HoldReactions): boolean {
  return clampOutput || downgradeTo !== null || throttleMs !== null;
}

/** Its customer's own budget is told as such; of others nobody but the operators needs to know whom they cover. */
function scopeOfCaller({ caller: { customer } }: GatewayCall): Refusal['scope'] {
  return customer.budgetControlId === null ? { kind: 'team', value: null } : { kind: 'customer', value: customer.id };
}

function resetText({ isHeldByOthers, resetsAt }: HoldRefusal): string {
  if (isHeldByOthers) return ' Calls under way hold the rest: it may fit when they have ended.';
  return resetsAt === null ? ' It does not reset by itself.' : ` It has room again at ${resetsAt}.`;
}
