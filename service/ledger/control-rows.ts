/** Cost controls as rows. */
import type {
  ClientLeaveReaction,
  HoldEstimate,
  OnExpiry,
  OutputLimitPolicy,
  WeekDay,
  WhenExhausted,
} from 'fusewire/internal';
import { flagOf, numberOf, numberOrNull, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { ControlFilter, CostControl } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { hardSettingsOf } from './hard-fields.js';

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
    enforcement: textOf(row, 'enforcement') as 'POLLED' | 'HARD',
    onExpiry: textOf(row, 'on_expiry') as OnExpiry,
    estimate: textOf(row, 'estimate') as HoldEstimate,
    whenExhausted: textOf(row, 'when_exhausted') as WhenExhausted,
    assumedOutputTokens: numberOf(row, 'assumed_output_tokens'),
    outputLimit: textOf(row, 'output_limit') as OutputLimitPolicy,
    clampOutput: flagOf(row, 'clamp_output'),
    downgradeTo: textOrNull(row, 'downgrade_to'),
    throttleMs: numberOrNull(row, 'throttle_ms'),
    ...raisedOf(row),
    countedFromMs: numberOf(row, 'counted_from_ms'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    updatedAtMs: numberOf(row, 'updated_at_ms'),
  };
}

/** What raises add by now. Kept beside the control, so that whoever reads it has it. */
function raisedOf(row: SqlRow): Pick<CostControl, 'raised' | 'raisedUntilMs'> {
  const raised = textOrNull(row, 'raised');
  return raised === null ? {} : { raised, raisedUntilMs: numberOf(row, 'raised_until_ms') };
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
    enforcement: control.enforcement ?? 'POLLED',
    ...hardSettingsOf(control),
    updatedAtMs: control.updatedAtMs,
  };
}
