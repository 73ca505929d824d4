/**
 * Events that came under the transaction id of another one with another body: kept, counted and shown, never dropped in
 * silence (I4). An extension of Fusewire.
 */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { boundedSize, envelope, envelopeSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';

const LIST = 'objectList';
const rowSchema = z.object({
  id: z.string(),
  resourceType: z.literal('eventConflict'),
  eventId: z.string().describe('the stored event that was first'),
  transactionId: z.string(),
  times: z.int().describe('how often exactly this body came'),
  created: z.iso.datetime(),
  body: z.record(z.string(), z.unknown()),
});

/** Registers `GET {prefix}/fusewire/conflicts`, newest first. */
export function installConflicts(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/fusewire/conflicts`,
    {
      config: { access: 'write' },
      schema: {
        summary: 'Events that disagree with a stored one of the same transaction id',
        tags: ['metering'],
        hide: !described,
        querystring: z.object({ ...teamQuery, ...pageQuery }),
        response: { 200: envelopeSchema(LIST, rowSchema) },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const found = await store.listConflicts(teamId, query);
      const rows = found.items.map(({ receivedAtMs, ...rest }) => ({
        ...rest,
        resourceType: 'eventConflict' as const,
        created: new Date(receivedAtMs).toISOString(),
      }));
      return envelope(LIST, rows, found, query);
    },
  );
}
