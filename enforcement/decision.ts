/** What a decision can be. A decision is a value; only the guard turns a refusal into an exception. */
import type { RuleAction, WindowType } from '../src/wire/feed.js';

/**
 * Why a call was let through or refused, most binding first: where several apply, the first in this list is reported.
 *
 * - `BYPASSED`: enforcement is switched off for an incident.
 * - `DISABLED`: the circuit breaker is not enabled (`REVENIUM_CIRCUIT_BREAKER_ENABLED`).
 * - `NOT_CONFIGURED`: enabled, but key or team id is missing; fail-open lets through.
 * - `UNINITIALIZED`: fail-closed and no rule set was ever loaded; refuses.
 * - `NO_RULES_YET`: fail-open and no rule set was ever loaded; lets through.
 * - `DEPARTMENT_TRIPPED`, `GROUP_TRIPPED`, `RULE_TRIPPED`: a rule refuses, for the caller's department, for the
 *   caller's group, or for everybody whom its filters cover.
 * - `BUDGET_EXCEEDED`: a hard budget has no room for the call beside what is spent and held; refuses, with the arithmetic.
 * - `UNKNOWN_PRICE`: nobody knows what the call costs, and a hard budget refuses such calls (I5).
 * - `HOLD_UNAVAILABLE`: a hard budget covers the call, fail-closed, and the service that would set its cost aside does not
 *   answer; refuses.
 * - `UNKNOWN_ENDPOINT`: what the call can cost is not known before it is sent, and the program or a hard budget lets
 *   nothing of that kind leave; refuses.
 * - `ALLOWED`: rules were read and none refuses.
 * - `UNDECIDED`: the check itself failed; lets through and is logged (I2).
 */
export type DecisionCode =
  | 'BYPASSED'
  | 'DISABLED'
  | 'NOT_CONFIGURED'
  | 'UNINITIALIZED'
  | 'NO_RULES_YET'
  | 'DEPARTMENT_TRIPPED'
  | 'GROUP_TRIPPED'
  | 'RULE_TRIPPED'
  | 'BUDGET_EXCEEDED'
  | 'UNKNOWN_PRICE'
  | 'HOLD_UNAVAILABLE'
  | 'UNKNOWN_ENDPOINT'
  | 'ALLOWED'
  | 'UNDECIDED';

/** The rule behind a refusal, as the error shows it. Every field the feed did not give is `null`. */
export interface TrippedRule {
  /** As sent: an integer from most services, a string from some. */
  readonly ruleId: number | string | null;
  readonly ruleName: string | null;
  readonly currentValue: number | null;
  readonly threshold: number | null;
  /** ISO-8601, copied from the feed. */
  readonly resetsAt: string | null;
  readonly periodType: WindowType | string | null;
  readonly action: RuleAction | string;
  /** Our extension: the rule's key in the feed; absent where the feed names none. */
  readonly ruleKey?: string;
  /** The group of a grouped rule that the call belongs to. */
  readonly groupValue?: string;
}

/** How many {@link Observation}s a decision lists at most. */
export const OBSERVED_MAX = 8;

/** A rule that applies to the call without refusing it. */
export interface Observation extends TrippedRule {
  /** `shadow`: it would refuse, but is in shadow mode. `action`: its action is not to block. `warning`: it is past its warn limit. */
  readonly kind: 'shadow' | 'action' | 'warning';
  /** Milliseconds since the epoch: when the verdict is void (I13); `null` where the feed does not say. */
  readonly untilMs: number | null;
}

/** Lets the call through. */
export interface AllowDecision {
  readonly outcome: 'allow';
  readonly code: DecisionCode;
  /** Department first, then in the order of the feed; at most {@link OBSERVED_MAX}, absent where there is none. */
  readonly observed?: readonly Observation[];
}

/**
 * Why a hard budget has no room: `spend + held + asked <= limit + raised` does not hold. Amounts are decimal text in the
 * metric's unit: dollars, or a count.
 */
export interface BudgetArithmetic {
  readonly metric: string;
  readonly limit: string;
  readonly raised: string;
  readonly spend: string;
  /** What calls under way have set aside. */
  readonly held: string;
  /** `limit + raised - spend - held`, at least 0. */
  readonly remaining: string;
  readonly asked: string;
  /** ISO-8601; `null`: never. */
  readonly resetsAt: string | null;
  /** When it is worth asking again; `null`: not before the reset. */
  readonly retryAfterMs: number | null;
}

/** Refuses the call. */
export interface RefuseDecision {
  readonly outcome: 'refuse';
  readonly code: DecisionCode;
  /** Human text, contract 2.10. */
  readonly message: string;
  /** `null` where no rule is the reason (`UNINITIALIZED`). */
  readonly rule: TrippedRule | null;
  /** Set where a hard budget refused. */
  readonly budget?: BudgetArithmetic;
  /** As {@link AllowDecision.observed}: a rule that refuses hides no rule that observes. */
  readonly observed?: readonly Observation[];
}

/** The outcome of asking whether a call may be made. */
export type Decision = AllowDecision | RefuseDecision;

/**
 * What a decision reads of a call: the values of its dimensions. An absent value matches no filter.
 * SUBSCRIBER filters and groups try the id, then the e-mail (contract 2.6); CREDENTIAL filters the name, then the value.
 */
export interface CallDimensions {
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly subscriberId?: string | undefined;
  readonly subscriberEmail?: string | undefined;
  readonly organization?: string | undefined;
  readonly product?: string | undefined;
  readonly credential?: string | undefined;
  readonly credentialName?: string | undefined;
  readonly agent?: string | undefined;
  readonly taskType?: string | undefined;
}
