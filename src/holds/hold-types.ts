/**
 * What holders and the service say to each other (DESIGN section 5, ring 3). Plain JSON, the same over HTTP and in a
 * process. Amounts are integers as decimal text in the unit of a balance: nano-dollars for TOTAL_COST, else a count.
 *
 * A *hold* is an amount set aside for one owner in one window of every hard control that concerns a kind of call: one
 * *part* for each control. A hold for several calls is a *slice*: its owner draws it down without a round trip. A usage
 * event names its hold (`holdId`); recording it is the settlement.
 */
import type { CallDimensions } from '../../enforcement/decision.js';
import type { CallBound, CallCounts, RateBound } from '../bound/types.js';
import type { OperationType } from '../providers/adapter.js';

/** Metrics that a hard control can have: what a call adds to them is bounded before it is sent. */
export const HOLD_METRICS = [
  'TOTAL_COST',
  'TOKEN_COUNT',
  'INPUT_TOKEN_COUNT',
  'OUTPUT_TOKEN_COUNT',
  'CACHED_TOKEN_COUNT',
  'IMAGE_COUNT',
  'VIDEO_COUNT',
  'AUDIO_COUNT',
  'CHARACTER_COUNT',
] as const;
/** One of {@link HOLD_METRICS}. */
export type HoldMetric = (typeof HOLD_METRICS)[number];

/** A kind of call: whose it is, and what its price depends on beside its counts. Calls that are alike share a hold. */
export interface HoldCall {
  readonly dimensions: CallDimensions;
  readonly provider: string;
  readonly modelSource: string;
  readonly model: string;
  readonly operationType: OperationType;
  readonly requestedServiceTier?: string | undefined;
  readonly pricingTier?: 'STANDARD' | 'BATCH' | undefined;
  readonly hasVisionContent?: boolean | undefined;
  readonly billingUnit?: string | undefined;
  /** Of images that are asked for (`reading.media`); what is left open counts as the dearest that can come. */
  readonly quality?: string | undefined;
  readonly resolution?: string | undefined;
}

/** What one call of that kind asks for. */
export interface HoldNeed {
  readonly worst: CallBound;
  /** What such calls consume as a rule: used by controls with `estimate: expected`. Absent: the bound. */
  readonly expected?: CallCounts | undefined;
}

/** What a holder asks of the service. `sequence` counts the operations on one hold from 1; an older one changes nothing. */
export type HoldOperation =
  /** Makes a hold. The same `id` again answers what became of it, and makes no second one. */
  | {
      readonly op: 'take';
      /** A UUID of the caller's. */
      readonly id: string;
      /** Who holds, for people and for recalls: unique for a process. */
      readonly owner: string;
      readonly call: HoldCall;
      readonly need: HoldNeed;
      /** Calls like this one that the owner would like to have covered; what is left decides. 1: this one alone. */
      readonly calls: number;
      /** Seconds until it expires, unless it is renewed: 10 to 3,600. @defaultValue 120 */
      readonly ttlSeconds?: number;
    }
  /** Adds to a hold at least `missing` of each part (by control id), and renews it. All or nothing. */
  | {
      readonly op: 'extend';
      readonly id: string;
      readonly sequence: number;
      readonly call: HoldCall;
      readonly need: HoldNeed;
      readonly missing: Readonly<Record<string, string>>;
      readonly calls: number;
    }
  /**
   * Keeps of each part what is named and gives back the rest; a part that is not named keeps nothing. Renews what stays. Of
   * a hold that has expired it takes back what was charged, beyond what is named.
   */
  | {
      readonly op: 'give-back';
      readonly id: string;
      readonly sequence: number;
      readonly keep: Readonly<Record<string, string>>;
    }
  /** Puts the expiry off, and asks what became of it. */
  | { readonly op: 'renew'; readonly id: string; readonly sequence: number };

/** What a hold is at a service. */
export interface HoldState {
  readonly id: string;
  readonly owner: string;
  /** `open`; `closed`: everything was drawn or given back; `expired`: not renewed in time, released or charged. */
  readonly state: 'open' | 'closed' | 'expired';
  /** The newest operation that it includes. A take is 0. */
  readonly sequence: number;
  /**
   * For how long calls may be drawn from it, milliseconds from the moment at which the operation was sent: it ends before
   * the expiry by enough to deliver what was drawn, and with the first window of its parts.
   */
  readonly drawForMs: number;
  /** Others run short: what is not needed now is to be given back. */
  readonly isRecalled: boolean;
  /** Little is left: slices are small, and idle ones are given back soon. */
  readonly isTight: boolean;
  readonly parts: readonly HoldPart[];
}

/** A hold in one control. */
export interface HoldPart {
  readonly controlId: string;
  readonly ruleId: number;
  readonly name: string;
  readonly metric: HoldMetric;
  /** The group whose budget it is; `null` where the control has no groups. */
  readonly group: string | null;
  readonly windowStartMs: number;
  /** `null`: never ends, or goes on by buckets. */
  readonly windowEndMs: number | null;
  /** Everything that was set aside and not given back, drawn or not. */
  readonly amount: string;
  /** What recorded events drew of it. What is left is `amount - drawn`, never below 0. */
  readonly drawn: string;
  readonly estimate: HoldEstimate;
  readonly whenExhausted: WhenExhausted;
  /** Tokens that are taken for the output of a call that names no limit. */
  readonly assumedOutputTokens: number;
  /** `inject`: a call that names no limit is given one, and its answer says so. */
  readonly outputLimit: OutputLimitPolicy;
  /** What the control counts a call of unknown price as; absent: nothing is assumed. */
  readonly assumedPrice?: { readonly perMillionTokensNano: string; readonly perRequestNano: string };
}

/** `worst-case`: a call holds its bound. `expected`: what such calls cost as a rule; overruns are possible, and recorded. */
export type HoldEstimate = 'worst-case' | 'expected';
/** What becomes of a stream that outgrows its hold where no more is to be had. */
export type WhenExhausted = 'finish' | 'cut';
/** What becomes of calls that name no output limit. */
export type OutputLimitPolicy = 'inject' | 'assume';
/** What becomes of what an owner held that did not renew it. */
export type OnExpiry = 'charge' | 'release';

/** What a control does before it refuses, each step only where it is set. */
export interface HoldReactions {
  /** The output limit is lowered to what is left. */
  readonly clampOutput: boolean;
  /** The model that is asked instead; it is decided on like any other. */
  readonly downgradeTo: string | null;
  /** How long a call may wait for room, milliseconds. */
  readonly throttleMs: number | null;
}

/** Why there is no hold, with the whole arithmetic: `spend + held + asked <= limit + raised` does not hold. */
export interface HoldRefusal {
  /** `BUDGET_EXCEEDED`, or `UNKNOWN_PRICE`: nobody knows what the call costs, and the control refuses such calls (I5). */
  readonly code: 'BUDGET_EXCEEDED' | 'UNKNOWN_PRICE';
  /** One sentence for people. */
  readonly message: string;
  readonly controlId: string;
  readonly ruleId: number;
  readonly name: string;
  readonly metric: HoldMetric;
  readonly periodType: string;
  readonly group: string | null;
  /** Amounts in the unit of {@link HoldPart}. */
  readonly limit: string;
  readonly raised: string;
  readonly spend: string;
  /** Open holds of everybody. */
  readonly held: string;
  readonly asked: string;
  /** `limit + raised - spend - held`, at least 0. */
  readonly remaining: string;
  /** ISO 8601; `null`: never. */
  readonly resetsAt: string | null;
  /** It would fit if nothing were held: what others do not need comes back. */
  readonly isHeldByOthers: boolean;
  /** When it is worth asking again; `null`: not before the reset. */
  readonly retryAfterMs: number | null;
  readonly reactions: HoldReactions;
}

/** What became of one operation. */
export type HoldOutcome =
  | {
      readonly outcome: 'held';
      readonly hold: HoldState;
      /** The bound of the price of such calls; with every take and extend. */
      readonly rates?: RateBound;
      /** Changes when controls, prices or departments do: what is known of kinds of calls is old then. */
      readonly version: string;
    }
  /** No hard control concerns such calls. */
  | { readonly outcome: 'free'; readonly version: string }
  /** `hold`: what the owner has, for an extend. */
  | {
      readonly outcome: 'refused';
      readonly refusal: HoldRefusal;
      readonly hold?: HoldState;
      readonly rates?: RateBound;
      readonly version: string;
    }
  /** There is no such hold (any more): a new one has to be taken. */
  | { readonly outcome: 'gone'; readonly version: string };

/** Where holds are taken. Rejects where no answer came: whether the operations were done is unknown then. */
export interface HoldDesk {
  /** An outcome for each operation, in their order. Safe to repeat. */
  operate(operations: readonly HoldOperation[]): Promise<readonly HoldOutcome[]>;
}
