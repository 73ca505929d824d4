/** Cost controls as rows. */
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
    onUnknownPrice: textOf(row, 'on_unknown_price') as CostControl['onUnknownPrice'],
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
    onUnknownPrice: control.onUnknownPrice,
    updatedAtMs: control.updatedAtMs,
  };
}
