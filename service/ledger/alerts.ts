/** Alerts: what cost controls did, on its way to webhooks. An outbox: written with its cause, claimed, settled. */
import type { CostControl, EnforcementKind } from '../store/store.js';
import type { LedgerContext } from './context.js';
import type { EnforcementRow } from './enforcement-log.js';
import type { AlertType } from './webhooks.js';

const TYPES: Partial<Readonly<Record<EnforcementKind, AlertType>>> = {
  warn: 'costControl.warned',
  trip: 'costControl.tripped',
  reset: 'costControl.reset',
};
/** Alerts that wait for one webhook; more are dropped and counted on it (I10). The statement repeats it. */
export const WAITING_MAX = 1_000;
/** Webhooks that one control tells (I10). */
const CHANNELS_MAX = 20;

/**
 * Puts the alerts of an enforcement event into the outbox, in its transaction: once per crossing, because a verdict is
 * told once until it changes. A webhook that is gone, switched off or not interested gets none.
 */
export async function noteAlerts(
  context: LedgerContext,
  control: CostControl,
  eventId: string,
  row: EnforcementRow,
): Promise<void> {
  const type = TYPES[row.kind];
  if (type === undefined || control.notificationChannelIds.length === 0) return;
  const { teamId } = control;
  const body = alertBody(eventId, type, row.atMs, dataOf(control, row));
  for (const webhookId of [...new Set(control.notificationChannelIds)].slice(0, CHANNELS_MAX)) {
    const wanted = { webhookId, teamId, type };
    const alert = { ...wanted, id: context.newId(), eventId, body, nowMs: context.nowMs };
    if ((await context.sql.query('insert-alert', alert)).length > 0) continue;
    const [full] = await context.sql.query('drop-alert', wanted);
    const dropped = full === undefined ? 0 : Number(full['dropped']);
    if (dropped === 1 || (dropped > 0 && dropped % WAITING_MAX === 0)) {
      context.log.warn('alerts for a webhook are dropped: too many wait for it', { webhookId, dropped });
    }
  }
}

/** The body of a delivery. `id` stays the same over repeats, so that a receiver can drop them. */
export function alertBody(
  id: string,
  type: string,
  createdMs: number,
  data: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify({ id, type, created: new Date(createdMs).toISOString(), data });
}

function dataOf(control: CostControl, row: EnforcementRow): Readonly<Record<string, unknown>> {
  const currentValue = Number(row.currentValue);
  const threshold = Number(row.threshold);
  return {
    teamId: control.teamId,
    ruleId: control.id,
    feedRuleId: row.ruleId,
    ruleName: row.ruleName,
    action: row.action,
    metricType: row.metricType,
    currentValue,
    threshold,
    usagePercent: threshold > 0 ? Math.round((currentValue / threshold) * 10_000) / 100 : null,
    isShadow: row.isShadow,
    groupBy: row.groupBy,
    groupValue: row.groupValue,
    groupLabel: row.groupLabel,
    windowKey: row.windowKey,
    windowStart: row.windowStartMs === null ? null : new Date(row.windowStartMs).toISOString(),
    transactionId: row.transactionId,
    subscriberEmail: row.subscriberEmail,
  };
}
