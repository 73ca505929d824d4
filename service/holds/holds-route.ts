/** Holds as operators see them: who holds what, and the way to end one. */
import { holdIdSchema } from 'fusewire/internal';
import { z } from 'zod';
import { oneOf } from '../admin/enforcement-query.js';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import type { HoldPartRecord, HoldRecord } from '../ledger/holds/hold-reading.js';
import { NEVER_MS } from '../ledger/window.js';
import type { Store } from '../store/store.js';
import { HOLDS_PATH } from './operations-route.js';
import { holdResourceSchema } from './outcome-schema.js';

const LIST = 'objectList';
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };
const params = z.object({ id: holdIdSchema });
const config = { access: 'write' as const };
const releasedSchema = z.object({
  outcome: z
    .enum(['given-back', 'taken-back', 'nothing'])
    .describe('given-back: it was open; taken-back: what it had been charged; nothing: it had ended before'),
  hold: holdResourceSchema,
});

/** Registers `GET {prefix}/holds`, and `GET` and `DELETE {prefix}/holds/{id}`. */
export function installHolds(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}${HOLDS_PATH}`;
  const common = { tags: ['holds'], hide: !described };
  installList(api, store, path, common);
  installOne(api, store, `${path}/:id`, common);
}

interface Common {
  readonly tags: string[];
  readonly hide: boolean;
}

function installList(api: Api, store: Store, path: string, common: Common): void {
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'List holds, newest first',
        querystring: z.object({
          ...teamQuery,
          ...pageQuery,
          state: oneOf(['open', 'closed', 'expired']),
          owner: z.string().max(200).optional(),
          controlId: z.string().max(128).optional(),
        }),
        response: { 200: envelopeSchema(LIST, holdResourceSchema), ...errors },
      },
    },
    async (request) => {
      const { teamId: named, state, owner, controlId, page, size } = request.query;
      const teamId = ownTeam(callerOf(request), [named]);
      const asked = { page, size: boundedSize(size) };
      const filter = { state, owner: owner || undefined, controlId: controlId || undefined };
      const found = await store.listHolds(teamId, { ...asked, ...filter });
      return envelope(LIST, found.items.map(resourceOf), found, asked);
    },
  );
}

function installOne(api: Api, store: Store, path: string, common: Common): void {
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'One hold',
        params,
        querystring: z.object(teamQuery),
        response: { 200: holdResourceSchema, 404: errorSchema, ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const hold = await store.getHold(teamId, request.params.id);
      if (hold === undefined) throw unknownHold();
      return resourceOf(hold);
    },
  );
  api.delete(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Give back an open hold for its owner, or take back what an expired one was charged',
        description: 'Audited. Calls under way that it covers still settle, and may spend above the limit.',
        params,
        querystring: z.object(teamQuery),
        response: { 200: releasedSchema, 404: errorSchema, ...errors },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const released = await store.releaseHold(teamId, request.params.id, keyActor(caller.key));
      if (released === undefined) throw unknownHold();
      return { outcome: released.outcome, hold: resourceOf(released.hold) };
    },
  );
}

function unknownHold(): ApiError {
  return new ApiError(404, 'not_found', 'there is no hold with this id');
}

function resourceOf(hold: HoldRecord): z.output<typeof holdResourceSchema> {
  const { id, teamId, owner, state, sequence, isRecalled, call, takenAtMs, expiresAtMs, endedAtMs } = hold;
  return {
    ...{ id, resourceType: 'hold' as const, teamId, owner, state, sequence, isRecalled },
    taken: iso(takenAtMs),
    expires: iso(expiresAtMs),
    ended: endedAtMs === null ? null : iso(endedAtMs),
    call: { ...call },
    parts: hold.parts.map(partResource),
  };
}

function partResource(part: HoldPartRecord) {
  const { controlId, ruleId, name, metric, group, windowStartMs, windowEndMs, state } = part;
  return {
    ...{ controlId, ruleId, name, metric, group, state },
    windowStart: iso(windowStartMs),
    windowEnd: windowEndMs >= NEVER_MS ? null : iso(windowEndMs),
    amount: String(part.amount),
    drawn: String(part.drawn),
    left: String(part.left),
    charged: String(part.charged),
    overrun: String(part.overrun),
  };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
