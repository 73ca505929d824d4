/** Teams, as far as a key may see them: its own (contract 4.8). SDKs and tools find their team id here. */
import { z } from 'zod';
import { callerOf } from '../http/access.js';
import { envelope, envelopeSchema, pageQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';

const LIST = 'teamResourceList';
const teamSchema = z.object({
  id: z.string(),
  resourceType: z.literal('team'),
  label: z.string(),
  name: z.string(),
  created: z.iso.datetime(),
});

/** Registers `GET {prefix}/teams`. `tenantId` is accepted and not used: there is one tenant. */
export function installTeams(api: Api, _context: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/teams`,
    {
      config: { access: 'metering' },
      schema: {
        summary: "The key's team",
        tags: ['teams'],
        hide: !described,
        querystring: z.object({ tenantId: z.string().optional(), ...pageQuery }),
        response: { 200: envelopeSchema(LIST, teamSchema) },
      },
    },
    async (request) => {
      const { team } = callerOf(request);
      const created = new Date(team.createdAtMs).toISOString();
      const rows = [{ id: team.id, resourceType: 'team' as const, label: team.name, name: team.name, created }];
      const shown = request.query.page === 0 ? rows : [];
      return envelope(LIST, shown, { items: rows, totalElements: rows.length }, request.query);
    },
  );
}
