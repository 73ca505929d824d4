/** What cost controls did, as the store gives it out. */

/**
 * What an enforcement event tells of. `unknown-price`: an event whose price is unknown was counted as 0; once per control
 * and window (I5). `refusal`: a client refused calls and said so. `overrun`: what an event spent above the limit of a hard
 * control. `hold-charged`, `hold-released`: what became of a hold that its owner did not renew, or that was given back for it.
 * `clamped`, `downgraded`, `throttled`: what a hard control did with calls instead of refusing them.
 */
export type EnforcementKind =
  | 'trip'
  | 'reset'
  | 'warn'
  | 'shadow'
  | 'unknown-price'
  | 'refusal'
  | 'overrun'
  | 'hold-charged'
  | 'hold-released'
  | ReactionKind;
/** What a hard control does before it refuses. */
export type ReactionKind = 'clamped' | 'downgraded' | 'throttled';
/** What became of the calls. */
export type EnforcementOutcome =
  | 'BLOCKED'
  | 'RESET'
  | 'WARNED'
  | 'OBSERVED'
  | 'PRICE_UNKNOWN'
  | 'OVERRUN'
  | 'CHARGED'
  | 'RELEASED'
  | 'CLAMPED'
  | 'DOWNGRADED'
  | 'THROTTLED';

/** What a control did, written in the transaction that caused it, with a snapshot of what the control was then. */
export interface EnforcementEvent {
  readonly id: string;
  /** `null`: a client named a rule that is not known here. */
  readonly controlId: string | null;
  readonly ruleDeleted: boolean;
  readonly kind: EnforcementKind;
  readonly level: 'HARD' | 'WARN';
  readonly outcome: EnforcementOutcome;
  readonly isShadow: boolean;
  /** The integer of the feed. */
  readonly ruleId: number | null;
  readonly ruleName: string | null;
  readonly action: string;
  readonly metricType: string | null;
  readonly groupBy: string | null;
  readonly groupValue: string | null;
  readonly groupLabel: string | null;
  /** Decimal text in the metric's own unit; `null` where a client did not say. */
  readonly currentValue: string | null;
  readonly threshold: string | null;
  readonly windowStartMs: number | null;
  readonly windowKey: string | null;
  readonly atMs: number;
  readonly transactionId: string | null;
  readonly subscriberEmail: string | null;
  /** How many calls it stands for. */
  readonly count: number;
  readonly details: string | null;
}
