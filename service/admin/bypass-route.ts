/** The operators' bypass, for incidents: while it is on, nothing is refused (an extension of Fusewire). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import { type Bypass, bypassState } from '../ledger/bypass.js';

/** A bypass ends at the latest so long from now. */
export const BYPASS_MAX_MS = 7 * 86_400_000;
/** Where it is, below the path family. */
export const BYPASS_PATH = '/fusewire/bypass';

const bodySchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    until: z.iso
      .datetime({
        offset: true,
        error: ({ input }) => (input === undefined ? 'until is required' : 'must be a full ISO 8601 date-time'),
      })
      .describe('at most 7 days ahead'),
    reason: z
      .string({ error: ({ input }) => (input === undefined ? 'reason is required' : 'must be text') })
      .trim()
      .min(1, { error: 'reason is required' })
      .max(500, { error: 'must have at most 500 characters' }),
  },
  { error: 'the body must be a JSON object: {"until", "reason"}' },
);
const bypassSchema = z.object({
  teamId: z.string(),
  active: z.boolean(),
  since: z.iso.datetime().nullable(),
  until: z.iso.datetime().nullable(),
  reason: z.string().nullable(),
  by: z.string().nullable(),
});
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };

/** Registers `GET`, `PUT` and `DELETE {prefix}/fusewire/bypass`, announced as `bypass`. */
export function installBypass(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const { store, runtime } = context;
  const path = `${prefix}${BYPASS_PATH}`;
  const config = { access: 'write' as const };
  const common = { tags: ['operations'], hide: !described, querystring: z.object(teamQuery) };
  api.get(
    path,
    { config, schema: { ...common, summary: 'The bypass', response: { 200: bypassSchema, ...errors } } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return resourceOf(teamId, await store.getBypass(teamId));
    },
  );
  api.put(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Switch the bypass on, or change it',
        body: bodySchema,
        response: { 200: bypassSchema, ...errors },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const untilMs = readUntil(request.body.until, runtime.now());
      const asked = { untilMs, reason: request.body.reason };
      return resourceOf(teamId, await store.setBypass(teamId, asked, keyActor(caller.key)));
    },
  );
  api.delete(
    path,
    { config, schema: { ...common, summary: 'Switch the bypass off', response: { 204: z.undefined(), ...errors } } },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      await store.endBypass(teamId, keyActor(caller.key));
      return reply.code(204).send();
    },
  );
}

function readUntil(text: string, nowMs: number): number {
  const untilMs = Date.parse(text);
  if (untilMs <= nowMs) throw invalidFields([{ field: 'until', problem: 'must be in the future' }]);
  if (untilMs <= nowMs + BYPASS_MAX_MS) return untilMs;
  throw invalidFields([{ field: 'until', problem: 'must be at most 7 days ahead' }]);
}

function resourceOf(teamId: string, bypass: Bypass | undefined): z.output<typeof bypassSchema> {
  if (bypass === undefined) return { teamId, active: false, since: null, until: null, reason: null, by: null };
  return { teamId, active: true, ...bypassState(bypass) };
}
