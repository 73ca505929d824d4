/** Prices that a team declares: rates that beat the catalogue, or that a model is free (an extension of Fusewire, I5). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { envelope, envelopeSchema, errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { installCatalogue } from './catalogue-route.js';
import { declarationOf, tooManyPrices } from './price-answers.js';
import { readPrice, shownPriceSchema, showPrice, writtenPriceSchema } from './price-body.js';
import { installPriceImports } from './price-imports-route.js';
import { installPriceLookup } from './price-lookup-route.js';
import { installReprice } from './reprice-route.js';

const LIST = 'objectList';
const config = { access: 'write' as const };
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };
const listQuery = z.object({
  ...teamQuery,
  all: z
    .enum(['true', 'false', ''], { error: "must be 'true' or 'false'" })
    .optional()
    .describe('those of the past too'),
});

/** Registers everything under `{prefix}/fusewire/prices`. */
export function installPrices(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/fusewire/prices`;
  installDeclared(api, context, path, !described);
  installPriceLookup(api, context, path, !described);
  installPriceImports(api, context, path, !described);
  installCatalogue(api, context, path, !described);
  installReprice(api, context, path, !described);
}

function installDeclared(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['prices'], hide };
  const listed = { 200: envelopeSchema(LIST, shownPriceSchema), ...errors };
  const params = z.object({ id: z.string().max(128) });
  const query = z.object(teamQuery);

  api.get(
    path,
    { config, schema: { ...common, summary: 'Declared prices', querystring: listQuery, response: listed } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const holding = await store.listPrices(teamId);
      const prices = request.query.all === 'true' ? await store.listPrices(teamId, { all: true }) : holding;
      const ids = new Set(holding.map(({ id }) => id));
      const rows = prices.map((price) => showPrice(price, runtime.now(), ids.has(price.id)));
      const page = { items: prices, totalElements: prices.length };
      return envelope(LIST, rows, page, { page: 0, size: Math.max(1, prices.length) });
    },
  );
  const declares = { querystring: query, body: writtenPriceSchema, response: { 201: shownPriceSchema, ...errors } };
  api.post(
    path,
    { config, schema: { ...common, summary: 'Declare rates for a model, or that it is free', ...declares } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const price = await store.setPrice(teamId, readPrice(request.body), declarationOf(caller));
      if (price === undefined) throw tooManyPrices();
      return reply.code(201).send(showPrice(price, runtime.now()));
    },
  );
  const withdraws = { params, querystring: query, response: { 204: z.undefined(), ...errors, 404: errorSchema } };
  api.delete(
    `${path}/:id`,
    { config, schema: { ...common, summary: 'Declare nothing for its name from now on', ...withdraws } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      if (!(await store.withdrawPrice(teamId, request.params.id, declarationOf(caller)))) {
        throw new ApiError(404, 'not_found', 'no price with this id holds now or is planned');
      }
      return reply.code(204).send();
    },
  );
}
