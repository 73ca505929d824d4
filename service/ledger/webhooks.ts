/** Webhooks: where the alerts of cost controls go. Controls name them in `notificationChannelIds`. */
import { bigintOrNull, flagOf, numberOf, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, noteAudit } from './audit.js';
import { type LedgerContext, readTeamState } from './context.js';
import { newHashid } from './hashid.js';

/** What a webhook can be told. */
export const ALERT_TYPES = ['costControl.warned', 'costControl.tripped', 'costControl.reset'] as const;
/** One of {@link ALERT_TYPES}. */
export type AlertType = (typeof ALERT_TYPES)[number];

/** What a person writes of a webhook. */
export interface WebhookInput {
  readonly name: string;
  readonly url: string;
  readonly events: readonly AlertType[];
  readonly enabled: boolean;
}

/** A webhook without its secrets. */
export interface Webhook extends WebhookInput {
  readonly id: string;
  readonly teamId: string;
  /** The last four characters of the secret. */
  readonly secretHint: string;
  /** Until then, in milliseconds, deliveries carry a signature with the secret before this one too. */
  readonly previousUntilMs: number | null;
  /** Why the service switched it off by itself. */
  readonly disabledReason: string | null;
  /** Failed deliveries in a row. */
  readonly failures: number;
  readonly failingSinceMs: number | null;
  /** Alerts that found its queue full. */
  readonly dropped: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A new secret, sealed for the store. */
export interface SealedSecret {
  readonly sealed: string;
  readonly hint: string;
}

/** A team has no more than this (I10). */
export const WEBHOOKS_MAX = 50;
/** For so long the secret before a rotation signs too (contract 7). */
export const ROTATION_MS = 24 * 3_600_000;

/** Makes a webhook; `undefined` where the team has {@link WEBHOOKS_MAX}. @throws StoreError `UNKNOWN_TEAM` */
export async function createWebhook(
  context: LedgerContext,
  teamId: string,
  input: WebhookInput,
  secret: SealedSecret,
  actor: AuditActor,
): Promise<Webhook | undefined> {
  await readTeamState(context, teamId);
  if ((await listWebhooks(context, teamId)).length >= WEBHOOKS_MAX) return undefined;
  const id = newHashid();
  const { nowMs } = context;
  await context.sql.query('insert-webhook', { ...inputParams(input), ...secret, id, teamId, nowMs });
  const webhook = await getWebhook(context, teamId, id);
  await note(context, actor, 'created', undefined, webhook);
  return webhook;
}

/** Changes a webhook; switched on again, it starts with a clean slate. `undefined` where there is none. */
export async function updateWebhook(
  context: LedgerContext,
  teamId: string,
  id: string,
  patch: Partial<WebhookInput>,
  actor: AuditActor,
): Promise<Webhook | undefined> {
  const before = await getWebhook(context, teamId, id);
  if (before === undefined) return undefined;
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const input: WebhookInput = { ...before, ...given };
  const revived = input.enabled && (!before.enabled || input.url !== before.url);
  await context.sql.query('update-webhook', { ...inputParams(input), id, revived, nowMs: context.nowMs });
  const after = await getWebhook(context, teamId, id);
  await note(context, actor, 'updated', before, after);
  return after;
}

/** Gives it a new secret; the one before signs beside it for {@link ROTATION_MS}. `undefined` where there is none. */
export async function rotateWebhook(
  context: LedgerContext,
  teamId: string,
  id: string,
  secret: SealedSecret,
  actor: AuditActor,
): Promise<Webhook | undefined> {
  const before = await getWebhook(context, teamId, id);
  if (before === undefined) return undefined;
  const { nowMs } = context;
  await context.sql.query('rotate-webhook', { ...secret, id, untilMs: nowMs + ROTATION_MS, nowMs });
  const after = await getWebhook(context, teamId, id);
  await note(context, actor, 'rotated', before, after);
  return after;
}

/** Deletes it; what waits for it is given up. `false` where there is none. */
export async function deleteWebhook(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor,
): Promise<boolean> {
  const before = await getWebhook(context, teamId, id);
  if (before === undefined) return false;
  await context.sql.query('delete-webhook', { id, nowMs: context.nowMs });
  await context.sql.query('give-up-alerts', { webhookId: id, reason: 'the webhook was deleted', nowMs: context.nowMs });
  await note(context, actor, 'deleted', before, undefined);
  return true;
}

/** One webhook. */
export async function getWebhook(context: LedgerContext, teamId: string, id: string): Promise<Webhook | undefined> {
  const [row] = await context.sql.query('select-webhook', { teamId, id });
  return row === undefined ? undefined : webhookOf(row);
}

/** A team's webhooks, oldest first; at most {@link WEBHOOKS_MAX}. */
export async function listWebhooks(context: LedgerContext, teamId: string): Promise<readonly Webhook[]> {
  return (await context.sql.query('select-webhooks', { teamId })).map(webhookOf);
}

/** The sealed secrets with which a delivery to it is signed now: the current one, and in a rotation the one before. */
export async function webhookSecrets(context: LedgerContext, teamId: string, id: string): Promise<readonly string[]> {
  const [row] = await context.sql.query('select-webhook', { teamId, id });
  return row === undefined ? [] : sealedSecretsOf(row, context.nowMs);
}

/** The sealed secrets of a row of `webhook` that hold at `nowMs`, the current one first. */
export function sealedSecretsOf(row: SqlRow, nowMs: number): readonly string[] {
  const previous = textOrNull(row, 'previous_secret');
  const isValid = previous !== null && numberOf(row, 'previous_until_ms') > nowMs;
  return isValid ? [textOf(row, 'sealed_secret'), previous] : [textOf(row, 'sealed_secret')];
}

/**
 * Refuses ids that name no webhook of the team. Those in `already` were accepted before and may since be gone.
 * @throws StoreError `INVALID_CONTROL` that names them
 */
export async function refuseUnknownWebhooks(
  context: LedgerContext,
  teamId: string,
  ids: readonly string[],
  already: readonly string[] = [],
): Promise<void> {
  const added = ids.filter((id) => !already.includes(id));
  if (added.length === 0) return;
  const known = new Set((await listWebhooks(context, teamId)).map(({ id }) => id));
  const unknown = added.filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const problem = `there is no webhook with the id ${unknown.map((id) => `'${id}'`).join(', ')}`;
  throw new StoreError('INVALID_CONTROL', problem, { problems: { notificationChannelIds: problem } });
}

/** As the audit shows it. */
export function webhookState({ name, url, events, enabled, disabledReason }: Webhook): Record<string, unknown> {
  return { name, url, events, enabled, ...(disabledReason === null ? {} : { disabledReason }) };
}

async function note(
  context: LedgerContext,
  actor: AuditActor,
  action: string,
  before: Webhook | undefined,
  after: Webhook | undefined,
): Promise<void> {
  const { teamId, id } = (after ?? before)!;
  const states = { before: before && webhookState(before), after: after && webhookState(after) };
  await noteAudit(context, { teamId, actor, action, subject: 'webhook', subjectId: id, ...states });
}

/** Events stand between commas, so that a statement finds one of them. */
function inputParams({ name, url, events, enabled }: WebhookInput): SqlParams {
  return { name, url, events: `,${events.join(',')},`, enabled };
}

function webhookOf(row: SqlRow): Webhook {
  const timeOrNull = (column: string) => {
    const value = bigintOrNull(row, column);
    return value === null ? null : Number(value);
  };
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    name: textOf(row, 'name'),
    url: textOf(row, 'url'),
    events: ALERT_TYPES.filter((type) => textOf(row, 'events').includes(`,${type},`)),
    enabled: flagOf(row, 'enabled'),
    secretHint: textOf(row, 'secret_hint'),
    previousUntilMs: timeOrNull('previous_until_ms'),
    disabledReason: textOrNull(row, 'disabled_reason'),
    failures: numberOf(row, 'failures'),
    failingSinceMs: timeOrNull('failing_since_ms'),
    dropped: numberOf(row, 'dropped'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    updatedAtMs: numberOf(row, 'updated_at_ms'),
  };
}
