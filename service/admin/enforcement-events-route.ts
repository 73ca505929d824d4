/** Trips, resets, warnings, shadow hits and refusals (contract 4.7), newest first. */
import { notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { EnforcementEvent } from '../store/store.js';
import { filterQuery, readFilter } from './enforcement-query.js';

const LIST = 'objectList';
const SORTS = ['created'] as const;
const rowSchema = z.object({
  id: z.string(),
  resourceType: z.literal('enforcementEvent'),
  kind: z.enum([
    'trip',
    'reset',
    'warn',
    'shadow',
    'unknown-price',
    'refusal',
    'overrun',
    'hold-charged',
    'hold-released',
    'clamped',
    'downgraded',
    'throttled',
  ]),
  ruleName: z.string().nullable(),
  ruleId: z.string().nullable().describe('the id of the cost control; null where a client named an unknown rule'),
  feedRuleId: z.int().nullable(),
  ruleDeleted: z.boolean(),
  action: z.string(),
  metricType: z.string().nullable(),
  currentValue: z.number().nullable(),
  threshold: z.number().nullable(),
  usagePercent: z.number().nullable().describe('in percent: 102.35'),
  windowKey: z.string().nullable(),
  windowStart: z.iso.datetime().nullable(),
  teamId: z.string(),
  tenantId: z.string(),
  created: z.iso.datetime(),
  level: z.enum(['HARD', 'WARN']),
  isShadow: z.boolean(),
  groupBy: z.string().nullable(),
  groupValue: z.string().nullable(),
  groupLabel: z.string().nullable(),
  transactionId: z.string().nullable(),
  outcome: z.enum([
    'BLOCKED',
    'RESET',
    'WARNED',
    'OBSERVED',
    'PRICE_UNKNOWN',
    'OVERRUN',
    'CHARGED',
    'RELEASED',
    'CLAMPED',
    'DOWNGRADED',
    'THROTTLED',
  ]),
  count: z.int().describe('how many calls it stands for'),
  subscriberEmail: z.string().nullable(),
  details: z.string().nullable(),
});
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 422: errorSchema };

/** Registers `GET {prefix}/ai/enforcement-events`. `teamId` is required, as the contract says. */
export function installEnforcementEvents(
  api: Api,
  { store, runtime }: ServiceContext,
  prefix: string,
  described: boolean,
): void {
  api.get(
    `${prefix}/ai/enforcement-events`,
    {
      config: { access: 'write' },
      schema: {
        summary: 'What cost controls did, newest first',
        tags: ['enforcement'],
        hide: !described,
        querystring: z.object({
          ...filterQuery,
          ...pageQuery,
          sort: z.string().max(64).optional().describe('created,asc or created,desc'),
        }),
        response: { 200: envelopeSchema(LIST, rowSchema), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId], true);
      const filter = readFilter(request.query, runtime.now());
      const page = { page: request.query.page, size: boundedSize(request.query.size) };
      const direction = readDirection(request.query.sort);
      const found = await store.listEnforcementEvents(teamId, { ...filter, ...page, direction });
      const rows = found.items.map((event) => rowOf(teamId, event));
      return envelope(LIST, rows, found, page);
    },
  );
}

function readDirection(sort: string | undefined): 'asc' | 'desc' {
  if (sort === undefined || sort === '') return 'desc';
  const [field = '', direction = 'asc'] = sort.split(',').map((part) => part.trim());
  if (!SORTS.some((known) => known === field)) {
    throw invalidFields([{ field: 'sort', problem: notAllowed(field, SORTS) }]);
  }
  const dir = direction.toLowerCase();
  if (dir === 'asc' || dir === 'desc') return dir;
  throw invalidFields([{ field: 'sort', problem: notAllowed(direction, ['asc', 'desc']) }]);
}

function rowOf(teamId: string, event: EnforcementEvent): z.output<typeof rowSchema> {
  const currentValue = event.currentValue === null ? null : Number(event.currentValue);
  const threshold = event.threshold === null ? null : Number(event.threshold);
  const percent = currentValue !== null && threshold !== null && threshold > 0 ? currentValue / threshold : null;
  const { kind, ruleName, ruleDeleted, action, metricType, windowKey, level, isShadow } = event;
  const { groupBy, groupValue, groupLabel, transactionId, outcome, count, subscriberEmail, details } = event;
  return {
    id: event.id,
    resourceType: 'enforcementEvent',
    ...{ kind, ruleName, ruleId: event.controlId, feedRuleId: event.ruleId, ruleDeleted, action, metricType },
    ...{ currentValue, threshold, usagePercent: percent === null ? null : Math.round(percent * 10_000) / 100 },
    ...{ windowKey, windowStart: event.windowStartMs === null ? null : new Date(event.windowStartMs).toISOString() },
    ...{ teamId, tenantId: teamId, created: new Date(event.atMs).toISOString(), level, isShadow },
    ...{ groupBy, groupValue, groupLabel, transactionId, outcome, count, subscriberEmail, details },
  };
}
