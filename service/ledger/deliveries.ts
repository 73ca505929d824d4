/** Deliveries: a webhook with alerts that are due is claimed by one sender, which settles one alert after the other. */
import { bigintOrNull, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { Page } from '../store/store.js';
import { noteAudit, SERVICE_ACTOR } from './audit.js';
import type { LedgerContext } from './context.js';
import { readPage } from './reading.js';
import { getWebhook, sealedSecretsOf, webhookState } from './webhooks.js';

/** A claim on webhooks. `claim` names the claimant; it ends after `leaseMs` unless it is settled before. */
export interface WebhookClaim {
  readonly claim: string;
  readonly leaseMs: number;
  readonly size: number;
}

/** An alert to send now. */
export interface DueAlert {
  readonly alertId: string;
  readonly webhookId: string;
  readonly teamId: string;
  readonly url: string;
  /** Sealed, the current one first. */
  readonly secrets: readonly string[];
  readonly body: string;
}

/** What became of one attempt. `gone`: the receiver says that it is there no more. */
export interface DeliveryResult {
  readonly delivered: boolean;
  readonly status: number | null;
  readonly error: string | null;
  readonly gone: boolean;
}

/** A settled attempt, and who settles it. `jitter` in [0, 1). */
export interface Settlement {
  readonly alertId: string;
  readonly webhookId: string;
  readonly claim: string;
  readonly leaseMs: number;
  readonly jitter: number;
  readonly result: DeliveryResult;
}

/** A delivery as a person reads it. Times in milliseconds. */
export interface Delivery {
  readonly id: string;
  readonly eventId: string;
  readonly type: string;
  readonly state: 'waiting' | 'delivered' | 'given-up';
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly lastAtMs: number | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly createdAtMs: number;
  readonly body: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Between the attempts of one alert: the last is some 16 hours after the first. */
export const BACK_OFF_MS = [5_000, 30_000, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
/** After failures in a row nothing is sent to a webhook for a while, whatever is due. */
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 5 * MINUTE;
/** A webhook that failed for so long, and so often, is switched off. */
export const DISABLED_AFTER_MS = 24 * HOUR;
const DISABLED_AFTER_FAILURES = 10;
/** An alert that could not be sent for so long is of no use any more. */
export const ALERT_AGE_MAX_MS = 72 * HOUR;
/** How long the log of deliveries goes back. */
const LOG_AGE_MAX_MS = 30 * 24 * HOUR;
const PURGED_AT_ONCE = 1_000;

/** Claims webhooks that have something due; each is held by one claimant over all replicas. Their next alerts. */
export async function claimWebhooks(context: LedgerContext, asked: WebhookClaim): Promise<readonly DueAlert[]> {
  const { claim, leaseMs, size } = asked;
  const { nowMs } = context;
  const rows = await context.sql.query('claim-webhooks', { claim, untilMs: nowMs + leaseMs, nowMs, size });
  const due: DueAlert[] = [];
  for (const row of rows) {
    const alert = await nextAlert(context, row);
    if (alert !== undefined) due.push(alert);
    else await context.sql.query('release-webhook', { id: textOf(row, 'id'), claim });
  }
  return due;
}

/**
 * Notes what became of an attempt: delivered, to be tried again later, or given up. Returns the next alert of the same
 * webhook while the claim holds; otherwise the webhook is free for others.
 */
export async function settleAlert(context: LedgerContext, settlement: Settlement): Promise<DueAlert | undefined> {
  const { alertId, webhookId, claim, leaseMs, result } = settlement;
  const [alert] = await context.sql.query('select-alert', { id: alertId });
  if (alert !== undefined && textOf(alert, 'state') === 'waiting') await settle(context, alert, settlement);
  const { nowMs } = context;
  const [before] = await context.sql.query('select-webhook-row', { id: webhookId });
  if (before === undefined) return undefined;
  if (!result.delivered) {
    await noteFailure(context, before, result);
    await context.sql.query('release-webhook', { id: webhookId, claim });
    return undefined;
  }
  if (numberOf(before, 'failures') > 0) await context.sql.query('webhook-works', { id: webhookId });
  const [row] = await context.sql.query('renew-webhook-claim', { id: webhookId, claim, untilMs: nowMs + leaseMs });
  const next = row === undefined ? undefined : await nextAlert(context, row);
  if (next === undefined) await context.sql.query('release-webhook', { id: webhookId, claim });
  return next;
}

/** Gives up alerts that are too old, and forgets deliveries of long ago. A share at a time. */
export async function purgeAlerts(context: LedgerContext): Promise<void> {
  const { nowMs } = context;
  await context.sql.query('expire-alerts', { beforeMs: nowMs - ALERT_AGE_MAX_MS, nowMs, size: PURGED_AT_ONCE });
  await context.sql.query('purge-alerts', { beforeMs: nowMs - LOG_AGE_MAX_MS, size: PURGED_AT_ONCE });
}

/** Notes a delivery that a person asked for to try a webhook; it is not repeated. */
export async function noteTestDelivery(
  context: LedgerContext,
  teamId: string,
  test: {
    readonly webhookId: string;
    readonly eventId: string;
    readonly body: string;
    readonly result: DeliveryResult;
  },
): Promise<void> {
  const { webhookId, eventId, body, result } = test;
  const { delivered, status, error } = result;
  const state = delivered ? 'delivered' : 'given-up';
  const row = { id: context.newId(), teamId, webhookId, eventId, body, state, status, error, nowMs: context.nowMs };
  await context.sql.query('insert-test-alert', row);
}

/** The deliveries of a webhook, newest first. */
export function listDeliveries(
  context: LedgerContext,
  teamId: string,
  webhookId: string,
  query: { readonly page: number; readonly size: number },
): Promise<Page<Delivery>> {
  return readPage(context, ['list-deliveries', 'count-deliveries'], { teamId, webhookId }, query, deliveryOf);
}

async function nextAlert(context: LedgerContext, webhook: SqlRow): Promise<DueAlert | undefined> {
  const webhookId = textOf(webhook, 'id');
  const [row] = await context.sql.query('select-due-alert', { webhookId, nowMs: context.nowMs });
  if (row === undefined) return undefined;
  return {
    alertId: textOf(row, 'id'),
    webhookId,
    teamId: textOf(webhook, 'team_id'),
    url: textOf(webhook, 'url'),
    secrets: sealedSecretsOf(webhook, context.nowMs),
    body: textOf(row, 'body'),
  };
}

async function settle(context: LedgerContext, alert: SqlRow, { result, jitter }: Settlement): Promise<void> {
  const { nowMs } = context;
  const attempts = numberOf(alert, 'attempts') + 1;
  const backOffMs = BACK_OFF_MS[attempts - 1];
  const tooOld = nowMs - numberOf(alert, 'created_at_ms') >= ALERT_AGE_MAX_MS;
  const ended = result.delivered || backOffMs === undefined || tooOld;
  await context.sql.query('settle-alert', {
    id: textOf(alert, 'id'),
    state: result.delivered ? 'delivered' : ended ? 'given-up' : 'waiting',
    attempts,
    nextAtMs: ended ? nowMs : nowMs + Math.round(backOffMs * (0.8 + 0.4 * jitter)),
    status: result.status,
    error: result.error,
    endedAtMs: ended ? nowMs : null,
    nowMs,
  });
}

/** Pauses a webhook that fails, longer each time; switches one off that is gone or fails for long. */
async function noteFailure(context: LedgerContext, row: SqlRow, result: DeliveryResult): Promise<void> {
  const { nowMs } = context;
  const id = textOf(row, 'id');
  const failures = numberOf(row, 'failures') + 1;
  const sinceMs = Number(bigintOrNull(row, 'failing_since_ms') ?? BigInt(nowMs));
  const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(failures - 1, 10));
  await context.sql.query('webhook-fails', { id, failures, sinceMs, pausedUntilMs: nowMs + pauseMs });
  const forLong = failures >= DISABLED_AFTER_FAILURES && nowMs - sinceMs >= DISABLED_AFTER_MS;
  if (!result.gone && !forLong) return;
  const teamId = textOf(row, 'team_id');
  const before = await getWebhook(context, teamId, id);
  if (before === undefined || !before.enabled) return;
  const reason = result.gone
    ? 'the receiver answered 410 Gone'
    : `every delivery failed for ${DISABLED_AFTER_MS / HOUR} h`;
  await context.sql.query('disable-webhook', { id, reason, nowMs });
  const after = await getWebhook(context, teamId, id);
  await noteAudit(context, {
    ...{ teamId, actor: SERVICE_ACTOR, action: 'disabled', subject: 'webhook', subjectId: id },
    before: webhookState(before),
    after: after && webhookState(after),
  });
  context.log.error('a webhook was switched off', { webhookId: id, reason });
}

function deliveryOf(row: SqlRow): Delivery {
  const numberOrNull = (column: string) => (row[column] === null ? null : numberOf(row, column));
  return {
    id: textOf(row, 'id'),
    eventId: textOf(row, 'event_id'),
    type: textOf(row, 'type'),
    state: textOf(row, 'state') as Delivery['state'],
    attempts: numberOf(row, 'attempts'),
    nextAtMs: numberOf(row, 'next_at_ms'),
    lastAtMs: numberOrNull('last_at_ms'),
    lastStatus: numberOrNull('last_status'),
    lastError: textOrNull(row, 'last_error'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    body: textOf(row, 'body'),
  };
}
