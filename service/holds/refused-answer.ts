/** One operation that got nothing, as an error: the refusal contract of DESIGN section 6, with the whole arithmetic. */
import type { HoldOutcome, HoldRefusal } from 'fusewire/internal';
import { ApiError } from '../http/api-error.js';

/** 402; no client is to try again by itself: the same call does not fit a moment later either, or `details` says when. */
export function refusedAnswer({ refusal, hold }: HoldOutcome & { outcome: 'refused' }): ApiError {
  const { controlId, ruleId, name, group, metric, resetsAt, retryAfterMs, isHeldByOthers, reactions } = refusal;
  const { limit, raised, spend, held, asked, remaining, periodType } = refusal;
  return new ApiError(402, codeOf(refusal), refusal.message, {
    headers: { 'x-should-retry': 'false' },
    details: {
      rule: { id: controlId, rule_id: ruleId, name },
      scope: { kind: group === null ? 'everybody' : 'group', value: group },
      ...{ metric, period: periodType, unit: metric === 'TOTAL_COST' ? 'nano-usd' : 'count' },
      ...{ limit, raised, spend, held, asked, remaining },
      resets_at: resetsAt,
      held_by_others: isHeldByOthers,
      retry_after_ms: retryAfterMs,
      reactions,
      refusal,
      ...(hold === undefined ? {} : { hold }),
    },
  });
}

/** Who asks for a hold that is not there has to take a new one. */
export function goneAnswer(isTake: boolean): ApiError {
  return isTake
    ? new ApiError(409, 'conflict', 'this id names a hold of another owner; take one with an id of your own')
    : new ApiError(404, 'hold_gone', 'there is no such hold any more; take a new one');
}

function codeOf({ code }: HoldRefusal): string {
  return code === 'UNKNOWN_PRICE' ? 'unknown_price' : 'budget_exceeded';
}
