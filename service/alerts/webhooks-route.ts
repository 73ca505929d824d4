/** Webhooks: list, create, read, change, rotate, try, delete, and the log of their deliveries (an extension of Fusewire). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, invalidFields } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import { WEBHOOKS_MAX, type Webhook } from '../ledger/webhooks.js';
import { tryWebhook } from './try-webhook.js';
import {
  deliverySchema,
  iso,
  readWebhook,
  webhookCreateSchema,
  webhookPatchSchema,
  webhookResource,
  webhookSchema,
  webhookWithSecretSchema,
} from './webhook-body.js';

const LIST = 'objectList';
const config = { access: 'write' as const };
const querystring = z.object(teamQuery);
const params = z.object({ id: z.string().max(128) });
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
const tags = ['webhooks'];
const triedSchema = z.object({
  delivered: z.boolean(),
  status: z.int().nullable(),
  error: z.string().nullable(),
  durationMs: z.int(),
});

/** Registers everything under `{prefix}/fusewire/webhooks`. */
export function installWebhooks(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/fusewire/webhooks`;
  installCollection(api, context, path, !described);
  installOne(api, context, `${path}/:id`, !described);
  installActions(api, context, `${path}/:id`, !described);
}

function installCollection(api: Api, { store, webhooks }: ServiceContext, path: string, hide: boolean): void {
  const listed = { 200: envelopeSchema(LIST, webhookSchema), ...errors };
  api.get(
    path,
    { config, schema: { tags, hide, summary: 'Webhooks', querystring, response: listed } },
    async (request) => {
      const items = await store.listWebhooks(ownTeam(callerOf(request), [request.query.teamId]));
      const page = { items, totalElements: items.length };
      return envelope(LIST, items.map(webhookResource), page, { page: 0, size: Math.max(1, items.length) });
    },
  );
  const made = { 201: webhookWithSecretSchema, ...errors, 409: errorSchema };
  const summary = 'Create; the secret is shown this once';
  api.post(
    path,
    { config, schema: { tags, hide, summary, querystring, body: webhookCreateSchema, response: made } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const input = readWebhook(request.body);
      refuseTarget(webhooks.guard.urlProblem(input.url));
      const { secret, ...sealed } = webhooks.sealer.mint(teamId);
      const webhook = await store.createWebhook(teamId, input, sealed, keyActor(caller.key));
      if (webhook === undefined) throw new ApiError(409, 'too_many', `a team has at most ${WEBHOOKS_MAX} webhooks`);
      reply.header('cache-control', 'no-store');
      return reply.code(201).send({ ...webhookResource(webhook), secret });
    },
  );
}

function installOne(api: Api, { store, webhooks }: ServiceContext, path: string, hide: boolean): void {
  const response = { 200: webhookSchema, ...errors };
  api.get(path, { config, schema: { tags, hide, summary: 'Read', params, querystring, response } }, async (request) => {
    const teamId = ownTeam(callerOf(request), [request.query.teamId]);
    return webhookResource(found(await store.getWebhook(teamId, request.params.id)));
  });
  const summary = 'Change a part; switched on again, it starts with a clean slate';
  api.patch(
    path,
    { config, schema: { tags, hide, summary, params, querystring, body: webhookPatchSchema, response } },
    async (request) => {
      const caller = callerOf(request);
      const { teamId: named, ...fields } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
      if (fields.url) refuseTarget(webhooks.guard.urlProblem(fields.url));
      const patch = Object.fromEntries(given);
      return webhookResource(found(await store.updateWebhook(teamId, request.params.id, patch, keyActor(caller.key))));
    },
  );
  const gone = { 204: z.undefined(), ...errors };
  api.delete(
    path,
    { config, schema: { tags, hide, summary: 'Delete', params, querystring, response: gone } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      if (!(await store.deleteWebhook(teamId, request.params.id, keyActor(caller.key)))) throw notFound();
      return reply.code(204).send();
    },
  );
}

function installActions(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const { store, webhooks } = context;
  const rotated = { 200: webhookWithSecretSchema, ...errors };
  const summary = 'A new secret, shown this once; the one before signs as well for 24 hours';
  api.post(
    `${path}/rotate`,
    { config, schema: { tags, hide, summary, params, querystring, response: rotated } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const { secret, ...sealed } = webhooks.sealer.mint(teamId);
      const actor = keyActor(caller.key);
      const webhook = found(await store.rotateWebhook(teamId, request.params.id, sealed, actor));
      reply.header('cache-control', 'no-store');
      return { ...webhookResource(webhook), secret };
    },
  );
  const tried = { 200: triedSchema, ...errors };
  api.post(
    `${path}/test`,
    { config, schema: { tags, hide, summary: 'Send a test delivery now', params, querystring, response: tried } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return tryWebhook(context, found(await store.getWebhook(teamId, request.params.id)));
    },
  );
  const log = { 200: envelopeSchema(LIST, deliverySchema), ...errors };
  const listQuery = z.object({ ...teamQuery, ...pageQuery });
  api.get(
    `${path}/deliveries`,
    {
      config,
      schema: { tags, hide, summary: 'Deliveries, newest first', params, querystring: listQuery, response: log },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { id } = found(await store.getWebhook(teamId, request.params.id));
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const page = await store.listDeliveries(teamId, id, query);
      const rows = page.items.map(({ nextAtMs, lastAtMs, createdAtMs, body, ...rest }) => ({
        ...rest,
        resourceType: 'delivery' as const,
        created: new Date(createdAtMs).toISOString(),
        lastAttempt: iso(lastAtMs),
        nextAttempt: rest.state === 'waiting' ? iso(nextAtMs) : null,
        body: JSON.parse(body) as Record<string, unknown>,
      }));
      return envelope(LIST, rows, page, query);
    },
  );
}

function refuseTarget(problem: string | undefined): void {
  if (problem !== undefined) throw invalidFields([{ field: 'url', problem }]);
}

/** Another team's webhook is as unknown as one that never was. */
function found(webhook: Webhook | undefined): Webhook {
  if (webhook === undefined) throw notFound();
  return webhook;
}

function notFound(): ApiError {
  return new ApiError(404, 'not_found', 'there is no webhook with this id');
}
