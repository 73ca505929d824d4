/** A cost control as a person writes it, and as it is kept (contract 4.2, 4.3). */
import type {
  ClientLeaveReaction,
  CostControlCreate,
  Dimension,
  FilterOperator,
  HoldEstimate,
  OnExpiry,
  OutputLimitPolicy,
  WeekDay,
  WhenExhausted,
  WindowType,
} from 'fusewire/internal';

/** What a cost control measures (contract 4.3). */
export type MetricType = CostControlCreate['metricType'];

/** One condition of a control's scope. */
export interface ControlFilter {
  readonly dimension: Dimension;
  readonly operator: FilterOperator;
  readonly value?: string;
  readonly values?: readonly string[];
  /** For DEPARTMENT: what lies below it counts too. */
  readonly includeDescendants?: boolean;
}

/** A cost control as a person writes it (contract 4.2). */
export interface CostControlInput {
  readonly name: string;
  readonly description: string;
  readonly metricType: MetricType;
  readonly windowType: WindowType;
  readonly action: 'BLOCK';
  readonly groupBy: Dimension | null;
  /** In the metric's own unit: dollars for TOTAL_COST, else a count. Kept exactly, as decimal text. */
  readonly warnThreshold: string | null;
  readonly hardLimit: string;
  readonly filters: readonly ControlFilter[];
  readonly shadowMode: boolean;
  readonly enabled: boolean;
  readonly notificationChannelIds: readonly string[];
  /** What an event with an unknown price does to this control (I5). */
  readonly onUnknownPrice: 'flag' | 'refuse' | 'assume';
  /** For ROLLING, and for nothing else: an ISO 8601 duration. */
  readonly windowDuration?: string | null;
  /** IANA name. @defaultValue `UTC` */
  readonly timeZone?: string;
  /** The day on which WEEKLY windows begin. @defaultValue `MONDAY` */
  readonly weekStart?: WeekDay;
  /** With `assume` only: dollars, exact, as decimal text. An unknown price is assumed to be the sum of both. */
  readonly assumedPricePerMillionTokens?: string | null;
  readonly assumedPricePerRequest?: string | null;
  /** What the gateway does with a call whose caller has left. @defaultValue `auto` */
  readonly onClientLeave?: ClientLeaveReaction;
  /** `HARD`: calls are admitted against holds only (I7). @defaultValue `POLLED` */
  readonly enforcement?: 'POLLED' | 'HARD';
  /** The following for `HARD` only. What becomes of a hold that its owner did not renew. @defaultValue `charge` */
  readonly onExpiry?: OnExpiry;
  /** @defaultValue `worst-case` */
  readonly estimate?: HoldEstimate;
  /** A stream that outgrows its hold where no more is to be had. @defaultValue `cut` */
  readonly whenExhausted?: WhenExhausted;
  /** Tokens that are taken for the output of a call that names no limit. @defaultValue 4,096 */
  readonly assumedOutputTokens?: number;
  /** Whether such a call is given that limit. @defaultValue `inject` */
  readonly outputLimit?: OutputLimitPolicy;
  /** What happens before a call is refused, each step only where it is set. @defaultValue false, null, null */
  readonly clampOutput?: boolean;
  readonly downgradeTo?: string | null;
  readonly throttleMs?: number | null;
}

/** A cost control as it is kept. `id` is the hashid of the API, `ruleId` the integer of the feed (contract 9.3). */
export interface CostControl extends CostControlInput {
  readonly id: string;
  readonly ruleId: number;
  readonly teamId: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Events of windows that began before this are not counted: the control did not exist, or counted something else. */
  readonly countedFromMs?: number;
  /** What raises add to the limit until the earliest of them ends; in the unit of `hardLimit`, exact. Absent: nothing. */
  readonly raised?: string;
  readonly raisedUntilMs?: number;
}
