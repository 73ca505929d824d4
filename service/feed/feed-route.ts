/** Station 9: the rule feed (contract 2.1, 2.2). Reading it costs the bytes and nothing else. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { isNoneMatch, quoted } from './etag.js';

const feedSchema = z.looseObject({
  rules: z.array(z.looseObject({ ruleId: z.int(), name: z.string(), breached: z.boolean() })),
  compiledAt: z.union([z.string(), z.number()]).optional(),
});

/**
 * Registers `GET {prefix}/ai/enforcement-rules/{teamId}`: 200 with the rules, 204 where no control is enabled, 304 where
 * `If-None-Match` names the current revision (no public SDK sends it, ours does). `ruleId` narrows the read to one rule.
 */
export function installFeed(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/ai/enforcement-rules/:teamId`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'The compiled rules of a team, with their verdicts',
        tags: ['enforcement'],
        hide: !described,
        params: z.object({ teamId: z.string() }),
        querystring: z.object({ ruleId: z.string().max(128).optional(), teamId: z.string().optional() }),
        response: { 200: feedSchema, 204: z.undefined(), 304: z.undefined(), 401: errorSchema, 403: errorSchema },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.params.teamId, request.query.teamId]);
      const ruleId = request.query.ruleId === '' ? undefined : request.query.ruleId;
      const snapshot = await store.feed(teamId, ruleId);
      const etag = quoted(snapshot.etag);
      reply
        .header('etag', etag)
        .header('fusewire-revision', String(snapshot.revision))
        .header('cache-control', 'private, no-cache');
      if (isNoneMatch(request.headers['if-none-match'], etag)) return reply.code(304).send();
      if (snapshot.body === null) return reply.code(204).send();
      return reply.type('application/json').send(snapshot.body as unknown as z.output<typeof feedSchema>);
    },
  );
}
