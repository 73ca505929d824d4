/** Customers of the gateway: list, create, read, change, delete (an extension of Fusewire). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import {
  customerCreateSchema,
  customerPatchSchema,
  customerResource,
  customerSchema,
  deletedCustomerSchema,
  readBudget,
} from './customer-body.js';
import { customerBy, referenceParam } from './customer-reference.js';
import { installGatewayKeys } from './gateway-keys-route.js';

const LIST = 'objectList';
const config = { access: 'write' as const };
const querystring = z.object(teamQuery);
const listQuery = z.object({
  ...teamQuery,
  ...pageQuery,
  query: z.string().max(255).optional().describe('text that the name, the address or the id holds'),
  includeDeleted: z.enum(['true', 'false']).default('false'),
});
const params = z.object({ ref: referenceParam });
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 409: errorSchema };
const tags = ['customers'];

/** Registers `{prefix}/customers`, and the keys of customers. */
export function installCustomers(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/customers`;
  installCollection(api, context, path, !described);
  installOne(api, context, `${path}/:ref`, !described);
  installGatewayKeys(api, context, prefix, !described);
}

function installCollection(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const listed = { 200: envelopeSchema(LIST, customerSchema), ...errors };
  const summary = 'Customers of the gateway, by number';
  api.get(
    path,
    { config, schema: { tags, hide, summary, querystring: listQuery, response: listed } },
    async (request) => {
      const { page: number, size, query: words, includeDeleted } = request.query;
      const query = { page: number, size: boundedSize(size), query: words, includeDeleted: includeDeleted === 'true' };
      const page = await store.listCustomers(ownTeam(callerOf(request), [request.query.teamId]), query);
      return envelope(LIST, page.items.map(customerResource), page, query);
    },
  );
  const made = { 201: customerSchema, ...errors };
  api.post(
    path,
    {
      config,
      schema: {
        ...{ tags, hide, summary: 'Create, with the cost control that is its budget', querystring },
        ...{ body: customerCreateSchema, response: made },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { teamId: named, name, email, budget } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const input = { name, email, budget: readBudget(budget) ?? undefined };
      const customer = await store.createCustomer(teamId, input, keyActor(caller.key));
      return reply.code(201).send(customerResource(customer));
    },
  );
}

function installOne(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const response = { 200: customerSchema, ...errors };
  api.get(path, { config, schema: { tags, hide, summary: 'Read', params, querystring, response } }, async (request) => {
    const teamId = ownTeam(callerOf(request), [request.query.teamId]);
    return customerResource(await customerBy(store, teamId, request.params.ref));
  });
  const summary = 'Change a part; a budget is changed in place, and null ends it';
  api.patch(
    path,
    { config, schema: { tags, hide, summary, params, querystring, body: customerPatchSchema, response } },
    async (request) => {
      const caller = callerOf(request);
      const { teamId: named, budget, ...fields } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const { id } = await customerBy(store, teamId, request.params.ref);
      const patch = { ...fields, budget: readBudget(budget) };
      const after = await store.updateCustomer(teamId, id, patch, keyActor(caller.key));
      return customerResource(after ?? (await customerBy(store, teamId, id)));
    },
  );
  const deleted = { 200: deletedCustomerSchema, ...errors };
  const ending = 'Delete: its keys stop, its budget ends, its bills stay';
  api.delete(
    path,
    { config, schema: { tags, hide, summary: ending, params, querystring, response: deleted } },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const { id } = await customerBy(store, teamId, request.params.ref);
      const gone = await store.deleteCustomer(teamId, id, keyActor(caller.key));
      if (gone === undefined) throw new ApiError(404, 'not_found', 'there is no such customer any more');
      return { ...customerResource(gone.customer), revokedKeys: gone.revokedKeys };
    },
  );
}
