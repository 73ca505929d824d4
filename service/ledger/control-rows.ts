/** Cost controls as rows. */
import type { ClientLeaveReaction, WeekDay } from 'fusewire/internal';
import { flagOf, numberOf, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { ControlFilter, CostControl } from '../store/store.js';
import type { LedgerContext } from './context.js';

/** The controls of a team that are not deleted, by rule id. */
export async function selectControls(context: LedgerContext, teamId: string): Promise<readonly CostControl[]> {
  return (await context.sql.query('select-controls', { teamId })).map(controlOf);
}

/** Reads a control. */
export function controlOf(row: SqlRow): CostControl {
  return {
    id: textOf(row, 'id'),
    ruleId: numberOf(row, 'rule_id'),
    teamId: textOf(row, 'team_id'),
    name: textOf(row, 'name'),
    description: textOf(row, 'description'),
    metricType: textOf(row, 'metric_type') as CostControl['metricType'],
    windowType: textOf(row, 'window_type') as CostControl['windowType'],
    action: textOf(row, 'action') as CostControl['action'],
    groupBy: textOrNull(row, 'group_by') as CostControl['groupBy'],
    warnThreshold: textOrNull(row, 'warn_threshold'),
    hardLimit: textOf(row, 'hard_limit'),
    filters: JSON.parse(textOf(row, 'filters')) as ControlFilter[],
    shadowMode: flagOf(row, 'shadow_mode'),
    enabled: flagOf(row, 'enabled'),
    notificationChannelIds: JSON.parse(textOf(row, 'notification_channel_ids')) as string[],
    onUnknownPrice: (textOrNull(row, 'unknown_price_reaction') ??
      textOf(row, 'on_unknown_price')) as CostControl['onUnknownPrice'],
    windowDuration: textOrNull(row, 'window_duration'),
    timeZone: textOf(row, 'time_zone'),
    weekStart: textOf(row, 'week_start') as WeekDay,
    assumedPricePerMillionTokens: textOrNull(row, 'assumed_per_million_tokens'),
    assumedPricePerRequest: textOrNull(row, 'assumed_per_request'),
    onClientLeave: textOf(row, 'on_client_leave') as ClientLeaveReaction,
    countedFromMs: numberOf(row, 'counted_from_ms'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    updatedAtMs: numberOf(row, 'updated_at_ms'),
  };
}

/** The parameters that `insert-control` and `update-control` share. */
export function controlParams(control: CostControl): SqlParams {
  return {
    id: control.id,
    name: control.name,
    description: control.description,
    metricType: control.metricType,
    windowType: control.windowType,
    action: control.action,
    groupBy: control.groupBy,
    warnThreshold: control.warnThreshold,
    hardLimit: control.hardLimit,
    filters: JSON.stringify(control.filters),
    shadowMode: control.shadowMode,
    enabled: control.enabled,
    notificationChannelIds: JSON.stringify(control.notificationChannelIds),
    // The older column knows two reactions; the newer one stands over it.
    onUnknownPrice: control.onUnknownPrice === 'refuse' ? 'refuse' : 'flag',
    unknownPriceReaction: control.onUnknownPrice,
    windowDuration: control.windowDuration ?? null,
    timeZone: control.timeZone ?? 'UTC',
    weekStart: control.weekStart ?? 'MONDAY',
    assumedPerMillionTokens: control.assumedPricePerMillionTokens ?? null,
    assumedPerRequest: control.assumedPricePerRequest ?? null,
    onClientLeave: control.onClientLeave ?? 'auto',
    updatedAtMs: control.updatedAtMs,
  };
}
