/** Raises of limits (an extension of Fusewire): more room under a cost control for a while. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { envelope, envelopeSchema, errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import type { Raise } from '../ledger/raises.js';
import { findControl } from './control-lookup.js';
import { CONTROLS_PATH } from './control-resource.js';

const LIST = 'objectList';
const time = z.iso.datetime();

const bodySchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    amount: z
      .union([z.string(), z.number()], {
        error: ({ input }) => (input === undefined ? 'amount is required' : 'must be a number'),
      })
      .transform((given) => String(given).trim())
      .describe("more than 0, in the unit of the control's limit"),
    until: z.iso
      .datetime({
        offset: true,
        error: ({ input }) => (input === undefined ? 'until is required' : 'must be a full ISO 8601 date-time'),
      })
      .describe('at most 366 days ahead; it ends by itself'),
    reason: z
      .string({ error: ({ input }) => (input === undefined ? 'reason is required' : 'must be text') })
      .trim()
      .min(1, { error: 'reason is required' })
      .max(500, { error: 'must have at most 500 characters' }),
  },
  { error: 'the body must be a JSON object: {"amount", "until", "reason"}' },
);
/** A raise as it is shown. `amount` is exact decimal text. */
export const raiseSchema = z.object({
  id: z.string(),
  resourceType: z.literal('controlRaise'),
  controlId: z.string(),
  amount: z.string(),
  until: time,
  reason: z.string(),
  by: z.string(),
  created: time,
  ended: time.nullable().describe('null: it is open'),
  endedBy: z.string().nullable(),
});
const params = z.object({ id: z.string().max(128) });
const oneParams = params.extend({ raiseId: z.string().max(128) });
const querystring = z.object(teamQuery);
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
const config = { access: 'write' as const };

/** Registers `GET` and `POST {prefix}/ai/cost-controls/{id}/raises`, and `DELETE …/raises/{raiseId}`. */
export function installRaises(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}${CONTROLS_PATH}/:id/raises`;
  const common = { tags: ['cost controls'], hide: !described, querystring };
  const listed = { 200: envelopeSchema(LIST, raiseSchema), ...errors };
  api.get(
    path,
    { config, schema: { ...common, summary: 'The raises of a limit, newest first', params, response: listed } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { id } = await findControl(store, teamId, request.params.id);
      const items = (await store.listRaises(teamId, id)).map(raiseResource);
      return envelope(
        LIST,
        items,
        { items, totalElements: items.length },
        { page: 0, size: Math.max(1, items.length) },
      );
    },
  );
  const made = { 201: raiseSchema, ...errors };
  api.post(
    path,
    { config, schema: { ...common, summary: 'Raise a limit for a while', params, body: bodySchema, response: made } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { teamId: named, until, ...rest } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const { id } = request.params;
      const input = { ...rest, untilMs: Date.parse(until) };
      const raise = await store.raiseControl(teamId, id, input, keyActor(caller.key));
      if (raise !== undefined) return reply.code(201).send(raiseResource(raise));
      await findControl(store, teamId, id);
      throw new ApiError(404, 'not_found', 'the cost control was deleted meanwhile');
    },
  );
  const response = { 204: z.undefined(), ...errors };
  api.delete(
    `${path}/:raiseId`,
    { config, schema: { ...common, summary: 'End a raise before its time', params: oneParams, response } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const { id, raiseId } = request.params;
      await findControl(store, teamId, id);
      const ended = await store.endRaise(teamId, raiseId, keyActor(caller.key), id);
      if (ended === undefined) throw new ApiError(404, 'not_found', 'there is no open raise with this id');
      return reply.code(204).send();
    },
  );
}

function raiseResource(raise: Raise): z.output<typeof raiseSchema> {
  const { id, controlId, amount, reason, by, endedAtMs, endedBy } = raise;
  return {
    ...{ id, resourceType: 'controlRaise', controlId, amount, reason, by, endedBy },
    until: new Date(raise.untilMs).toISOString(),
    created: new Date(raise.createdAtMs).toISOString(),
    ended: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
  };
}
