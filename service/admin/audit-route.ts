/** Who changed what, when, from what to what (an extension of Fusewire). */
import { notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { AUDIT_SUBJECTS } from '../ledger/audit.js';
import { readTime, unprocessable } from './enforcement-query.js';

const LIST = 'objectList';
const rowSchema = z.object({
  id: z.string(),
  resourceType: z.literal('auditEntry'),
  teamId: z.string(),
  created: z.iso.datetime(),
  actor: z.object({
    id: z.string().describe('the id of a key, local:cli, or service'),
    hint: z.string().nullable().describe('the last four characters of the key'),
    label: z.string().nullable(),
  }),
  action: z.string(),
  subject: z.string(),
  subjectId: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});
const querystring = z.object({
  ...teamQuery,
  ...pageQuery,
  subject: z.enum(['', ...AUDIT_SUBJECTS], { error: ({ input }) => notAllowed(input, AUDIT_SUBJECTS) }).optional(),
  subjectId: z.string().max(256).optional(),
  since: z.string().max(64).optional().describe('full ISO 8601 date-time, inclusive'),
  until: z.string().max(64).optional().describe('full ISO 8601 date-time, inclusive'),
});

/** Registers `GET {prefix}/fusewire/audit`, newest first. */
export function installAudit(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/fusewire/audit`,
    {
      config: { access: 'write' },
      schema: {
        summary: 'Who changed what, newest first',
        tags: ['operations'],
        hide: !described,
        querystring,
        response: {
          200: envelopeSchema(LIST, rowSchema),
          400: errorSchema,
          401: errorSchema,
          403: errorSchema,
          422: errorSchema,
        },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { subject, subjectId } = request.query;
      const sinceMs = readTime('since', request.query.since);
      const untilMs = readTime('until', request.query.until);
      if (sinceMs !== undefined && untilMs !== undefined && sinceMs > untilMs) {
        throw unprocessable('since', 'must not be after until');
      }
      const page = { page: request.query.page, size: boundedSize(request.query.size) };
      const filter = { subject: subject || undefined, subjectId: subjectId || undefined, sinceMs, untilMs };
      const found = await store.listAudit(teamId, { ...page, ...filter });
      const rows = found.items.map(({ atMs, actor, ...rest }) => ({
        ...rest,
        before: rest.before ?? null,
        after: rest.after ?? null,
        resourceType: 'auditEntry' as const,
        created: new Date(atMs).toISOString(),
        actor: { id: actor.id, hint: actor.hint ?? null, label: actor.label ?? null },
      }));
      return envelope(LIST, rows, found, page);
    },
  );
}
