/** The rule feed: the message from the service to the SDK (contract 2.2). Described here and nowhere else. */

/** What a tripped rule does. Only `BLOCK` refuses; anything else is observed (contract 2.11, D6). */
export type RuleAction = 'BLOCK' | 'THROTTLE' | 'WARN_ONLY';

/** The calendar windows of the contract. */
export type WindowType = 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'QUARTERLY';

/** What a filter or a grouping can look at. */
export type Dimension =
  | 'MODEL'
  | 'PROVIDER'
  | 'SUBSCRIBER'
  | 'ORGANIZATION'
  | 'PRODUCT'
  | 'CREDENTIAL'
  | 'AGENT'
  | 'TASK_TYPE'
  | 'DEPARTMENT';

/** How a filter compares. */
export type FilterOperator = 'IS' | 'IS_NOT' | 'CONTAINS' | 'STARTS_WITH' | 'ENDS_WITH' | 'IN';

/** One condition of a rule's scope; all conditions of a rule must hold. `values` is set for `IN` only. */
export interface RuleFilter {
  readonly dimension: Dimension;
  readonly operator: FilterOperator;
  readonly value?: string;
  readonly values?: readonly string[];
}

/** The verdict of one group of a grouped rule. */
export interface GroupVerdict {
  readonly groupValue: string;
  readonly displayName?: string;
  readonly currentValue?: number;
  /** A ratio: 1.0 is the limit. */
  readonly usagePercent?: number;
  readonly breached: boolean;
}

/** One rule of the feed after parsing: numbers are numbers, legacy names are gone, times are milliseconds. */
export interface Rule {
  readonly ruleId: number | string;
  readonly name?: string;
  readonly metricType?: string;
  readonly threshold?: number;
  readonly warnThreshold?: number;
  readonly currentValue?: number;
  readonly breached: boolean;
  readonly warnBreached: boolean;
  readonly shadowMode: boolean;
  /** Upper-cased; absent in the feed means `BLOCK`. */
  readonly action: string;
  readonly periodType?: string;
  /** Milliseconds since the epoch; the verdict is void after the earlier of the two (I13). */
  readonly windowEndMs?: number;
  readonly resetsAtMs?: number;
  /** As the feed sent it, for the error. */
  readonly resetsAt?: string;
  readonly filters: readonly RuleFilter[];
  readonly groupBy?: string;
  readonly groupBreakdown?: readonly GroupVerdict[];
  /** Legacy: the rule covers only calls with this subscriber credential. */
  readonly credential?: string;
  /** Set, or `groupBy` DEPARTMENT: the rule acts through the department maps only. */
  readonly departmentId?: number | string;
}

/** Which callers a department budget blocks or warns; keys are normalised e-mail addresses (contract 2.5). */
export interface DepartmentMaps {
  readonly blocks: ReadonlyMap<string, number>;
  readonly balances: ReadonlyMap<string, number>;
  readonly warnings: ReadonlyMap<string, number>;
}
