/** Keys of the gateway's customers: list, create, rotate, revoke. A key itself is shown by the answer that makes it. */
import { z } from 'zod';
import type { GatewayKey } from '../gateway/types.js';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import {
  gatewayKeyCreateSchema,
  gatewayKeyResource,
  gatewayKeySchema,
  gatewayKeyWithSecretSchema,
  readGatewayKey,
  rotateSchema,
} from './customer-body.js';
import { customerBy, referenceParam } from './customer-reference.js';
import { newGatewayKey } from './gateway-keys.js';

const LIST = 'objectList';
const config = { access: 'write' as const };
const querystring = z.object(teamQuery);
const listQuery = z.object({ ...teamQuery, ...pageQuery });
const ofCustomer = z.object({ ref: referenceParam });
const params = z.object({ id: z.string().max(64) });
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
const tags = ['customers'];
const listed = { 200: envelopeSchema(LIST, gatewayKeySchema), ...errors };

/** Registers `{prefix}/customers/:ref/keys` and `{prefix}/gateway-keys`. */
export function installGatewayKeys(api: Api, context: ServiceContext, prefix: string, hide: boolean): void {
  installOfCustomer(api, context, `${prefix}/customers/:ref/keys`, hide);
  installAll(api, context, `${prefix}/gateway-keys`, hide);
}

function installOfCustomer(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const summary = 'Keys of a customer, oldest first, revoked ones too';
  api.get(
    path,
    { config, schema: { tags, hide, summary, params: ofCustomer, querystring: listQuery, response: listed } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { id: customerId } = await customerBy(store, teamId, request.params.ref);
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const page = await store.listGatewayKeys(teamId, { ...query, customerId });
      return envelope(LIST, page.items.map(shownAt(runtime.now())), page, query);
    },
  );
  api.post(
    path,
    {
      config,
      schema: {
        ...{ tags, hide, summary: 'Create a key; it is shown this once', params: ofCustomer, querystring },
        ...{
          body: gatewayKeyCreateSchema,
          response: { 201: gatewayKeyWithSecretSchema, ...errors, 409: errorSchema },
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body?.teamId, request.query.teamId]);
      const { id } = await customerBy(store, teamId, request.params.ref);
      const { key, secret } = newGatewayKey();
      const input = readGatewayKey(request.body);
      const kept = found(await store.createGatewayKey(teamId, id, input, secret, keyActor(caller.key)));
      reply.header('cache-control', 'no-store');
      return reply.code(201).send({ ...gatewayKeyResource(kept, runtime.now()), key });
    },
  );
}

function installAll(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const summary = 'Keys of all customers, oldest first, revoked ones too';
  api.get(
    path,
    { config, schema: { tags, hide, summary, querystring: listQuery, response: listed } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const page = await store.listGatewayKeys(teamId, query);
      return envelope(LIST, page.items.map(shownAt(runtime.now())), page, query);
    },
  );
  const rotated = { 200: gatewayKeyWithSecretSchema, ...errors, 409: errorSchema };
  const rotation = 'A new secret for the same key, shown this once; the one before goes on for overlapSeconds';
  api.post(
    `${path}/:id/rotate`,
    {
      config,
      schema: { tags, hide, summary: rotation, params, querystring, body: rotateSchema, response: rotated },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body?.teamId, request.query.teamId]);
      const { key, secret } = newGatewayKey();
      const overlapMs = (request.body?.overlapSeconds ?? 0) * 1_000;
      const actor = keyActor(caller.key);
      const kept = found(await store.rotateGatewayKey(teamId, request.params.id, secret, overlapMs, actor));
      reply.header('cache-control', 'no-store');
      return { ...gatewayKeyResource(kept, runtime.now()), key };
    },
  );
  const revoked = { 200: gatewayKeySchema, ...errors };
  api.delete(
    `${path}/:id`,
    { config, schema: { tags, hide, summary: 'Revoke, for good', params, querystring, response: revoked } },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const kept = found(await store.revokeGatewayKey(teamId, request.params.id, keyActor(caller.key)));
      return gatewayKeyResource(kept, runtime.now());
    },
  );
}

function shownAt(nowMs: number) {
  return (key: GatewayKey) => gatewayKeyResource(key, nowMs);
}

/** Another team's key is as unknown as one that never was. */
function found(key: GatewayKey | undefined): GatewayKey {
  if (key !== undefined) return key;
  throw new ApiError(404, 'not_found', 'there is no key with this id (gk_…); fusewire keys list CUSTOMER shows them');
}
