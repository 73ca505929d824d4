/** Where everybody stands under one grouped rule (contract 2.4). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, invalidFields } from '../http/api-error.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { Store } from '../store/store.js';
import { readRoster } from './roster.js';
import type { RosterRow } from './roster-reading.js';

const whole = (field: string, min: number, max: number) => {
  const error = `${field} must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .refine((text) => /^\d{1,7}$/.test(text) && Number(text) >= min && Number(text) <= max, { error })
    .transform(Number);
};

const querySchema = z.object({
  ruleId: z.string().max(128).optional().describe('the id of the cost control'),
  teamId: z.string().optional(),
  tenantId: z.string().optional(),
  page: whole('page', 0, 1_000_000).optional(),
  size: whole('size', 1, 200).optional(),
  search: z.string().max(256).optional(),
  band: z.enum(['BLOCKED', 'WARNED', 'UNDER', 'ALL']).optional(),
  sort: z.enum(['PERCENT', 'SPEND', 'NAME', 'LAST_EVENT']).optional(),
  dimension: z.enum(['SUBSCRIBER', 'DEPARTMENT']).optional(),
});

const rosterSchema = z.object({
  rows: z.array(
    z.object({
      key: z.string(),
      label: z.string(),
      email: z.string().optional(),
      spend: z.number(),
      limit: z.number(),
      percent: z.number(),
      band: z.enum(['BLOCKED', 'WARNED', 'UNDER']),
      lastEvent: z.string().optional(),
    }),
  ),
  window: z.string(),
  threshold: z.number(),
  blockedCount: z.int(),
  warnedCount: z.int(),
  underCount: z.int(),
});

/** The page size where none is asked for (contract 2.4). */
const SIZE = 25;

/**
 * Registers `GET {prefix}/ai/enforcement-rules/{teamId}/roster`: always read, never kept. 204 while nobody was counted in
 * the window; 404 for a rule without groups or one that is not known; 422 where `dimension` is not what it groups by.
 */
export function installRoster(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/ai/enforcement-rules/:teamId/roster`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'The standing of every group under one rule',
        tags: ['enforcement'],
        hide: !described,
        params: z.object({ teamId: z.string() }),
        querystring: querySchema,
        response: {
          200: rosterSchema,
          204: z.undefined(),
          400: errorSchema,
          401: errorSchema,
          403: errorSchema,
          404: errorSchema,
          422: errorSchema,
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const teamId = ownTeam(callerOf(request), [request.params.teamId, query.teamId]);
      const ruleId = query.ruleId ?? '';
      if (ruleId === '') throw invalidFields([{ field: 'ruleId', problem: 'ruleId is required' }]);
      const head = await store.rosterHead(teamId, ruleId);
      if (head === undefined) throw new ApiError(404, 'not_found', 'there is no grouped rule with this id');
      const { dimension } = query;
      if (dimension !== undefined && dimension !== head.groupBy) {
        const problem = `dimension must be ${head.groupBy}, which the rule is grouped by`;
        throw new ApiError(422, 'dimension_mismatch', problem, { problems: [{ field: 'dimension', problem }] });
      }
      const band = query.band === undefined || query.band === 'ALL' ? null : query.band;
      const search = query.search?.trim() ? query.search.trim() : null;
      const { page = 0, size = SIZE, sort = 'PERCENT' } = query;
      const labels = head.groupBy === 'DEPARTMENT' ? await departmentNames(store, teamId) : undefined;
      const { rows, ...counts } = await readRoster(store, teamId, ruleId, { page, size, sort, band, search, labels });
      reply.header('cache-control', 'no-store');
      if (counts.blockedCount + counts.warnedCount + counts.underCount === 0) return reply.code(204).send();
      const limit = Number(head.limit);
      const shown = rows.map((row) => rowOf(row, limit, labels?.get(row.key)));
      return { rows: shown, window: head.windowKey, threshold: limit, ...counts };
    },
  );
}

/** A department is a group by its number. */
async function departmentNames(store: Store, teamId: string): Promise<ReadonlyMap<string, string>> {
  return new Map((await store.listDepartments(teamId)).map(({ id, name }) => [String(id), name]));
}

function rowOf({ key, email, spend, band, lastEventMs }: RosterRow, limit: number, label = key) {
  const amount = Number(spend);
  return {
    key,
    label,
    ...(email === null ? {} : { email }),
    spend: amount,
    limit,
    percent: limit > 0 ? Math.round((10_000 * amount) / limit) / 100 : 100,
    band,
    ...(lastEventMs === undefined ? {} : { lastEvent: new Date(lastEventMs).toISOString() }),
  };
}
