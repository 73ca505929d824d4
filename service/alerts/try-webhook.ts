/** A test delivery: sent at once, once, to whoever set a webhook up. */
import type { ServiceContext } from '../http/types.js';
import { alertBody } from '../ledger/alerts.js';
import type { Webhook } from '../ledger/webhooks.js';
import { openSecrets } from './alert-sender.js';
import { postWebhook } from './post-webhook.js';
import { signatureHeaders } from './sign.js';

/** What came of it. */
export interface TriedWebhook {
  readonly delivered: boolean;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
}

const LIMIT_MS = 10_000;

/** Sends a body of the type `webhook.test` and notes it in the log of deliveries. Works on one that is off as well. */
export async function tryWebhook(context: ServiceContext, webhook: Webhook): Promise<TriedWebhook> {
  const { store, runtime, webhooks } = context;
  const { id: webhookId, teamId, url } = webhook;
  const eventId = runtime.newId();
  const body = alertBody(eventId, 'webhook.test', runtime.now(), { teamId, webhookId });
  const secrets = openSecrets(webhooks.sealer, { teamId, secrets: await store.webhookSecrets(teamId, webhookId) });
  const headers = signatureHeaders(body, secrets, runtime.now());
  const startedAt = runtime.monotonicNow();
  const result = await postWebhook({ url, body, headers, limitMs: LIMIT_MS }, webhooks.guard, runtime);
  const durationMs = Math.round(runtime.monotonicNow() - startedAt);
  await store.noteTestDelivery(teamId, { webhookId, eventId, body, result });
  const { delivered, status, error } = result;
  return { delivered, status, error, durationMs };
}
