/** Why a call would pass or be refused: plain data. */
import type { CallDimensions, OperationType } from 'fusewire/internal';
import type { Bypass } from '../ledger/bypass.js';

/** A call as somebody asks about it: what a guard would know of it. */
export type AskedCall = Partial<Record<keyof CallDimensions, string>>;

/** What a call can consume at most, to be told what a hold for it would set aside. */
export interface AskedBound {
  readonly maxInputTokens: number;
  /** Left out: the call names no limit, and what is assumed then is set aside. */
  readonly maxOutputTokens?: number | undefined;
  /** @defaultValue `'CHAT'` */
  readonly operationType?: OperationType | undefined;
}

/** One filter of a control, and whether the call is within it. */
export interface ExplainedFilter {
  /** `MODEL IS gpt-4o`. */
  readonly filter: string;
  readonly holds: boolean;
  /** What the call has there; `null`: nothing. */
  readonly actual: string | null;
}

/** How a control stands towards the call. */
export type Reaction = 'not-concerned' | 'allow' | 'warn' | 'observe' | 'refuse';

/** An open hold of a control, for the caller's budget. Amounts as of {@link ExplainedControl}. */
export interface ExplainedHold {
  readonly id: string;
  readonly owner: string;
  readonly ageSeconds: number;
  readonly expires: string;
  readonly amount: string;
  readonly drawn: string;
  /** What is set aside still. */
  readonly left: string;
}

/** What stands beside spend and limit: `spend + held + asked <= limit + raised`. */
export interface ExplainedHolding {
  readonly enforcement: 'POLLED' | 'HARD';
  /** What open raises add to the limit. */
  readonly raised: string;
  readonly raises: readonly {
    readonly raiseId: string;
    readonly amount: string;
    readonly until: string;
    readonly reason: string;
    readonly by: string;
    readonly created: string;
  }[];
  /** What open holds of everybody have set aside and not drawn; `null` where nothing is held against the control. */
  readonly held: string | null;
  /** The newest of them. */
  readonly holds: readonly ExplainedHold[];
  /** `limit + raised - spend - held`, at least 0; `null` where nothing is held against the control. */
  readonly remaining: string | null;
  /** Of the spend, what counts for holds that expired though no event says so; `null` where nothing is held. */
  readonly charged: string | null;
  /** What was spent above the limit in this window, recorded when it was; `null` where nothing is held. */
  readonly overrun: string | null;
  /** What a hold for the call would set aside; `null` where the call gives no bound, or nothing is held for it. */
  readonly asked: string | null;
  /** `4 + 6 + 1 > 10 + 0`: spend, held and asked against limit and raised; `null` where nothing is held. */
  readonly inequality: string | null;
  /** Why a hold would be refused; `null`: it would not, or none would be asked for. */
  readonly code: 'BUDGET_EXCEEDED' | 'UNKNOWN_PRICE' | null;
}

/** One control. Values are decimal text in the metric's own unit: dollars for TOTAL_COST and credits, else a count. */
export interface ExplainedControl extends ExplainedHolding {
  readonly controlId: string;
  readonly ruleId: number;
  readonly name: string;
  readonly metricType: string;
  readonly enabled: boolean;
  readonly shadowMode: boolean;
  readonly filters: readonly ExplainedFilter[];
  readonly groupBy: string | null;
  /** Whose budget it is; `null` where the control has no groups, or the call belongs to none. */
  readonly group: string | null;
  readonly spend: string;
  /** Events of unknown price within the spend: where there are some, it is a lower bound (I5). */
  readonly unknownPrices: number;
  readonly limit: string;
  readonly warnThreshold: string | null;
  readonly window: {
    readonly type: string;
    readonly key: string;
    readonly start: string;
    readonly resetsAt: string | null;
    readonly timeZone: string;
  };
  readonly reaction: Reaction;
  /** `251.37 >= 250: refused`, or why it is not concerned. */
  readonly equation: string;
}

/** What the model of the call costs. */
export interface ExplainedPrice {
  readonly state: 'known' | 'free' | 'unknown';
  /** Which rates: `override:<id>`, `catalogue:…`; `none` where the price is unknown. */
  readonly source: string;
}

/** The whole answer. */
export interface Explanation {
  readonly revision: number;
  readonly at: string;
  readonly call: AskedCall;
  readonly price: ExplainedPrice | null;
  readonly bypass: Bypass | null;
  readonly verdict: {
    readonly outcome: 'allow' | 'refuse';
    readonly controlId: string | null;
    readonly ruleId: number | null;
    readonly equation: string;
  };
  /** Those that concern the call first, in the order in which a guard asks them. */
  readonly controls: readonly ExplainedControl[];
}
