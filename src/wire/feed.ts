/** The rule feed: the message from the service to the SDK (contract 2.2). Described here and nowhere else. */

import type { OperatorBypass } from './feed-bypass.js';

/** Every action that the contract names. A rule with another one is dropped (I8). */
export const RULE_ACTIONS = ['BLOCK', 'THROTTLE', 'WARN_ONLY'] as const;

/** What a tripped rule does. Only `BLOCK` refuses; anything else is observed (contract 2.11, D6). */
export type RuleAction = (typeof RULE_ACTIONS)[number];

/** The calendar windows of the contract, and those of a self-hosted service (HOURLY, ROLLING, LIFETIME). */
export type WindowType = 'HOURLY' | 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'QUARTERLY' | 'ROLLING' | 'LIFETIME';

/** What a filter or a grouping can look at (contract 4.3), in the order in which errors list them. */
export const DIMENSIONS = [
  'ORGANIZATION',
  'CREDENTIAL',
  'PRODUCT',
  'MODEL',
  'PROVIDER',
  'AGENT',
  'SUBSCRIBER',
  'TASK_TYPE',
  'DEPARTMENT',
] as const;

/** One of {@link DIMENSIONS}. */
export type Dimension = (typeof DIMENSIONS)[number];

/** Every operator of a filter. A rule with another one is dropped (I8). */
export const FILTER_OPERATORS = ['IS', 'IS_NOT', 'CONTAINS', 'STARTS_WITH', 'ENDS_WITH', 'IN'] as const;

/** How a filter compares. */
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/**
 * One condition of a rule's scope; all conditions of a rule must hold. `values` is set for `IN` only. A dimension that
 * the contract does not name is `UNKNOWN`: the rule is kept and matches no call (contract 2.11, D4).
 */
export interface RuleFilter {
  readonly dimension: Dimension | 'UNKNOWN';
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
  /** Our extension, for groups of hard controls: as {@link HardRule.exhausted}. */
  readonly exhausted?: boolean;
}

/** Our extension: what the rule of a hard control says beside its verdict (DESIGN section 5, ring 3). */
export interface HardRule {
  /** It reacts before it refuses, so that its verdict says `breached: false` to everybody who only polls. */
  readonly graded: boolean;
  /** Its limit is reached, whatever `breached` says: refuses where no hold can be asked for. */
  readonly exhausted: boolean;
}

/** One rule of the feed after parsing: numbers are numbers, legacy names are gone, times are milliseconds. */
export interface Rule {
  readonly ruleId: number | string;
  /** Our extension: names the rule within the feed, where several share a `ruleId`; differences refer to it. */
  readonly key?: string;
  readonly name?: string;
  readonly metricType?: string;
  readonly threshold?: number;
  readonly warnThreshold?: number;
  readonly currentValue?: number;
  readonly breached: boolean;
  readonly warnBreached: boolean;
  readonly shadowMode: boolean;
  /** Absent in the feed means `BLOCK`. */
  readonly action: RuleAction;
  readonly periodType?: string;
  /** Milliseconds since the epoch; the verdict is void after the earlier of the two (I13). */
  readonly windowEndMs?: number;
  readonly resetsAtMs?: number;
  /** As the feed sent it, for the error. */
  readonly resetsAt?: string;
  readonly filters: readonly RuleFilter[];
  /** `UNKNOWN` where the contract does not name the dimension: no caller has a group then. */
  readonly groupBy?: Dimension | 'UNKNOWN';
  /** Set: the rule is grouped and its verdicts are these, also when none could be read. Absent: it is pooled. */
  readonly groupBreakdown?: readonly GroupVerdict[];
  /** Legacy: the rule covers only calls with this subscriber credential. */
  readonly credential?: string;
  /** Set, or `groupBy` DEPARTMENT: the rule acts through the department maps only. */
  readonly departmentId?: number | string;
  /** Set: `enforcement` is HARD, calls are admitted against holds. Absent: the verdict alone decides. */
  readonly hard?: HardRule;
}

/** Which callers a department budget blocks or warns; keys are normalised e-mail addresses (contract 2.5). */
export interface DepartmentMaps {
  readonly blocks: ReadonlyMap<string, number>;
  readonly balances: ReadonlyMap<string, number>;
  readonly warnings: ReadonlyMap<string, number>;
}

/** Rules that were dropped while the rest of the feed was taken, by reason. The reasons are a closed list. */
export interface DroppedRules {
  readonly count: number;
  readonly reasons: ReadonlyMap<string, number>;
}

/** A feed that was understood. */
export interface Feed {
  /** In the order of the feed: the first one that blocks wins. */
  readonly rules: readonly Rule[];
  readonly departments: DepartmentMaps;
  readonly compiledAtMs?: number;
  /** Our extension: the service's revision of the rule set, a whole number. */
  readonly revision?: number;
  /** Our extension: operators have switched enforcement off. `malformed`: a member of that name means nothing. */
  readonly bypass?: OperatorBypass | 'malformed';
  readonly dropped: DroppedRules;
  /**
   * The rules as they came, dropped ones included; for the disk mirror. Of a large feed they are read out of the body
   * anew each time, so that a hundred thousand of them need not be kept as objects.
   */
  readonly rawRules: Iterable<unknown>;
}

/** What a body says. `empty` is a team without rules; `malformed` changes nothing: the last good rules stay (I8). */
export type FeedResult =
  | { readonly kind: 'rules'; readonly feed: Feed }
  | { readonly kind: 'empty' }
  | { readonly kind: 'malformed'; readonly reason: string };
