/** The price catalogue as a team uses it: which of its prices a later version moved, and which of those wait. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { CatalogueStatus } from '../ledger/catalogue-uses.js';
import { moveSchema, showMove } from './price-imports-route.js';

const statusSchema = z.object({
  installed: z.string().describe('the version of the catalogue that prices events'),
  versions: z.array(z.object({ version: z.string(), firstSeen: z.iso.datetime() })),
  held: z.array(z.string()).describe('models whose old price holds until their name is confirmed'),
  models: z.array(
    z.object({
      name: z.string(),
      provider: z.string(),
      model: z.string(),
      state: z.enum(['same', 'changed', 'held']),
      version: z.string(),
      otherVersion: z.string().nullable().describe('the one before; of a held model the one that waits'),
      moves: z.array(moveSchema),
      reviewed: z.iso.datetime(),
    }),
  ),
});
const acceptSchema = z.object(
  {
    teamId: z.string({ error: 'must be text' }).nullish(),
    confirm: z
      .array(z.string({ error: 'must be text' }).max(600), { error: 'must be a list of names' })
      .min(1, { error: 'must name at least one model, or * for all' })
      .max(2_000),
  },
  { error: 'the body must be a JSON object' },
);
const config = { access: 'write' as const };

/** Registers `{path}/catalogue`. */
export function installCatalogue(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['prices'], hide };
  const querystring = z.object(teamQuery);
  const response = { 200: statusSchema, 400: errorSchema, 401: errorSchema, 403: errorSchema };
  api.get(
    `${path}/catalogue`,
    { config, schema: { ...common, summary: 'Catalogue prices of used models', querystring, response } },
    async (request) => shown(await store.readCatalogue(ownTeam(callerOf(request), [request.query.teamId]))),
  );
  api.post(
    `${path}/catalogue/accept`,
    { config, schema: { ...common, summary: 'Confirm catalogue prices', querystring, body: acceptSchema, response } },
    async (request) => {
      const { confirm, teamId: named } = request.body;
      const teamId = ownTeam(callerOf(request), [named, request.query.teamId]);
      const { notHeld } = await store.acceptCatalogue(teamId, confirm);
      if (notHeld.length > 0) {
        throw invalidFields(
          notHeld.map((name) => ({
            field: `confirm.${confirm.indexOf(name)}`,
            problem: `names nothing that is held back: '${name}'`,
          })),
        );
      }
      return shown(await store.readCatalogue(teamId));
    },
  );
}

function shown({ installed, versions, models }: CatalogueStatus): z.output<typeof statusSchema> {
  return {
    installed,
    versions: versions.map(({ version, firstSeenMs }) => ({ version, firstSeen: new Date(firstSeenMs).toISOString() })),
    held: models.filter(({ state }) => state === 'held').map(({ name }) => name),
    models: models.map(({ reviewedAtMs, moves, ...model }) => ({
      ...model,
      moves: moves.map(showMove),
      reviewed: new Date(reviewedAtMs).toISOString(),
    })),
  };
}
