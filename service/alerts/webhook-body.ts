/** Webhooks as the API takes and shows them. */
import { notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import { ALERT_TYPES, type Webhook, type WebhookInput } from '../ledger/webhooks.js';

const NAME_LENGTH_MAX = 256;

const name = z
  .string({ error: ({ input }) => (input === undefined ? 'name is required' : 'must be text') })
  .trim()
  .min(1, { error: 'name is required' })
  .max(NAME_LENGTH_MAX, { error: `must have at most ${NAME_LENGTH_MAX} characters` });
const url = z
  .string({ error: ({ input }) => (input === undefined ? 'url is required' : 'must be text') })
  .trim()
  .min(1, { error: 'url is required' });
const events = z
  .array(z.enum(ALERT_TYPES, { error: ({ input }) => notAllowed(input, ALERT_TYPES) }), { error: 'must be an array' })
  .min(1, { error: 'must name at least one event' })
  .max(ALERT_TYPES.length * 2, { error: 'must name each event once' })
  .transform((given) => ALERT_TYPES.filter((type) => given.includes(type)));
const enabled = z.boolean({ error: 'must be true or false' });
const teamId = z.string({ error: 'must be text' }).nullish();
const bodyError = { error: 'the body must be a JSON object: a webhook' };

/** A webhook to make. */
export const webhookCreateSchema = z.object(
  {
    teamId,
    name,
    url: url.describe('http or https; redirects are not followed'),
    events: events.nullish().describe('default: all'),
    enabled: enabled.nullish().describe('default true'),
  },
  bodyError,
);

/** What is to change; what is left out, or null, stays. */
export const webhookPatchSchema = z.object(
  { teamId, name: name.nullish(), url: url.nullish(), events: events.nullish(), enabled: enabled.nullish() },
  bodyError,
);

const time = z.iso.datetime().nullable();
const fields = {
  id: z.string().describe('what notificationChannelIds of a cost control names'),
  resourceType: z.literal('webhook'),
  teamId: z.string(),
  name: z.string(),
  url: z.string(),
  events: z.array(z.enum(ALERT_TYPES)),
  enabled: z.boolean(),
  secretHint: z.string().describe('the last four characters of the secret'),
  previousSecretUntil: time.describe('until then a delivery is signed with the secret before, too'),
  disabledReason: z.string().nullable(),
  failures: z.int().describe('failed deliveries in a row'),
  failingSince: time,
  dropped: z.int().describe('alerts that found the queue full'),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
};

/** A webhook as it is shown. */
export const webhookSchema = z.object(fields);
/** The same with its secret, which is shown once. */
export const webhookWithSecretSchema = z.object({ ...fields, secret: z.string() });

/** A delivery as it is shown. */
export const deliverySchema = z.object({
  id: z.string(),
  resourceType: z.literal('delivery'),
  eventId: z.string().describe('the id in the body; the same over repeats'),
  type: z.string(),
  state: z.enum(['waiting', 'delivered', 'given-up']),
  attempts: z.int(),
  created: z.iso.datetime(),
  lastAttempt: time,
  nextAttempt: time,
  lastStatus: z.int().nullable(),
  lastError: z.string().nullable(),
  body: z.record(z.string(), z.unknown()),
});

/** The resource of a webhook. */
export function webhookResource(webhook: Webhook): z.output<typeof webhookSchema> {
  const { id, teamId: team, name: called, url: target, enabled: isOn, secretHint, disabledReason } = webhook;
  const { failures, dropped } = webhook;
  return {
    ...{ id, resourceType: 'webhook', teamId: team, name: called, url: target, events: [...webhook.events] },
    ...{ enabled: isOn, secretHint, previousSecretUntil: iso(webhook.previousUntilMs), disabledReason, failures },
    ...{ failingSince: iso(webhook.failingSinceMs), dropped },
    ...{ created: isoOf(webhook.createdAtMs), updated: isoOf(webhook.updatedAtMs) },
  };
}

/** A webhook to create, with every default. */
export function readWebhook(body: z.output<typeof webhookCreateSchema>): WebhookInput {
  return { name: body.name, url: body.url, events: body.events ?? ALERT_TYPES, enabled: body.enabled ?? true };
}

/** A time as text, `null` where there is none. */
export function iso(atMs: number | null): string | null {
  return atMs === null ? null : isoOf(atMs);
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
