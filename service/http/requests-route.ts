/** The request log of a team's keys, as its operators read it (an extension of Fusewire). */
import { z } from 'zod';
import { callerOf, ownTeam } from './access.js';
import { invalidFields } from './api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from './envelope.js';
import type { Api, ServiceContext } from './types.js';

const LIST = 'objectList';
const DAY_MS = 86_400_000;
const rowSchema = z.object({
  id: z.string(),
  resourceType: z.literal('request'),
  keyId: z.string(),
  created: z.iso.datetime(),
  requestId: z.string(),
  method: z.string(),
  route: z.string(),
  status: z.int(),
  code: z.string().nullable(),
});
const countSchema = z.object({
  keyId: z.string(),
  method: z.string(),
  route: z.string(),
  status: z.int(),
  times: z.int(),
});
const time = z.iso.datetime({ offset: true, error: 'must be a full ISO-8601 date-time' }).optional();
const range = {
  since: time.describe('default: a day ago'),
  until: time.describe('default: now; does not belong to the range'),
  keyId: z.string().max(64).optional(),
};
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };

/** Registers `GET {prefix}/fusewire/requests` and `…/requests/counts`. */
export function installRequests(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const { store, runtime } = context;
  const path = `${prefix}/fusewire/requests`;
  const config = { access: 'write' as const };
  const common = { tags: ['operations'], hide: !described };
  const rangeOf = (query: { since?: string | undefined; until?: string | undefined; keyId?: string | undefined }) => {
    const untilMs = query.until === undefined ? runtime.now() + 1 : Date.parse(query.until);
    const sinceMs = query.since === undefined ? untilMs - DAY_MS : Date.parse(query.since);
    if (sinceMs > untilMs) throw invalidFields([{ field: 'since', problem: 'must not be after until' }]);
    return { sinceMs, untilMs, ...(query.keyId === undefined ? {} : { keyId: query.keyId }) };
  };
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Requests that changed something or were refused, newest first',
        querystring: z.object({
          ...teamQuery,
          ...pageQuery,
          ...range,
          refused: z.enum(['true', 'false'], { error: "must be 'true' or 'false'" }).optional(),
        }),
        response: { 200: envelopeSchema(LIST, rowSchema), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { page, refused } = request.query;
      const query = { ...rangeOf(request.query), page, size: boundedSize(request.query.size) };
      const found = await store.listRequests(teamId, { ...query, statusFrom: refused === 'true' ? 400 : 0 });
      const rows = found.items.map(({ teamId: _team, atMs, ...row }) => ({
        ...row,
        resourceType: 'request' as const,
        created: new Date(atMs).toISOString(),
      }));
      return envelope(LIST, rows, found, query);
    },
  );
  api.get(
    `${path}/counts`,
    {
      config,
      schema: {
        ...common,
        summary: 'How often each key asked each route, with what outcome',
        querystring: z.object({ ...teamQuery, ...range }),
        response: { 200: z.object({ counts: z.array(countSchema) }), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return { counts: [...(await store.sumRequests(teamId, rangeOf(request.query)))] };
    },
  );
}
