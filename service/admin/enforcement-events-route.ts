/** Trips, resets, warnings and shadow hits (contract 4.7), newest first: paging only; the other queries come later. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { CostControl, EnforcementEvent, Store } from '../store/store.js';

const LIST = 'objectList';
const OUTCOME = {
  trip: 'BLOCKED',
  reset: 'RESET',
  warn: 'WARNED',
  shadow: 'OBSERVED',
  'unknown-price': 'PRICE_UNKNOWN',
} as const;

const rowSchema = z.object({
  id: z.string(),
  ruleName: z.string().nullable(),
  ruleId: z.string(),
  ruleDeleted: z.boolean(),
  action: z.string(),
  metricType: z.string().nullable(),
  currentValue: z.number(),
  threshold: z.number(),
  usagePercent: z.number().nullable().describe('in percent: 102.35'),
  created: z.iso.datetime(),
  level: z.enum(['HARD', 'WARN']),
  isShadow: z.boolean(),
  groupBy: z.string().nullable(),
  groupValue: z.string().nullable(),
  groupLabel: z.string().nullable(),
  transactionId: z.string().nullable(),
  outcome: z.enum(['BLOCKED', 'RESET', 'WARNED', 'OBSERVED', 'PRICE_UNKNOWN']),
  subscriberEmail: z.string().nullable(),
  details: z.string().nullable(),
});

/** Registers `GET {prefix}/ai/enforcement-events`. `teamId` is required, as the contract says. */
export function installEnforcementEvents(
  api: Api,
  { store }: ServiceContext,
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
        querystring: z.object({ ...teamQuery, ...pageQuery }),
        response: { 200: envelopeSchema(LIST, rowSchema), 400: errorSchema, 401: errorSchema, 403: errorSchema },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId], true);
      const query = { page: request.query.page, size: boundedSize(request.query.size) };
      const found = await store.listEnforcementEvents(teamId, query);
      const controls = await controlsOf(store, teamId, found.items);
      const rows = found.items.map((event) => rowOf(event, controls.get(event.controlId)));
      return envelope(LIST, rows, found, query);
    },
  );
}

async function controlsOf(
  store: Store,
  teamId: string,
  events: readonly EnforcementEvent[],
): Promise<ReadonlyMap<string, CostControl | undefined>> {
  const ids = [...new Set(events.map((event) => event.controlId))];
  const controls = await Promise.all(ids.map((id) => store.getControl(teamId, id)));
  return new Map(ids.map((id, index) => [id, controls[index]]));
}

function rowOf(event: EnforcementEvent, control: CostControl | undefined): z.output<typeof rowSchema> {
  const currentValue = Number(event.currentValue);
  const threshold = Number(event.threshold);
  const percent = threshold > 0 ? Math.round((currentValue / threshold) * 10_000) / 100 : null;
  return {
    id: event.id,
    ruleName: control?.name ?? null,
    ruleId: event.controlId,
    ruleDeleted: control === undefined,
    action: control?.action ?? 'BLOCK',
    metricType: control?.metricType ?? null,
    currentValue,
    threshold,
    usagePercent: percent,
    created: new Date(event.atMs).toISOString(),
    level: event.kind === 'warn' || event.kind === 'unknown-price' ? 'WARN' : 'HARD',
    isShadow: event.kind === 'shadow',
    groupBy: control?.groupBy ?? null,
    groupValue: event.groupValue,
    groupLabel: event.groupValue,
    transactionId: event.transactionId,
    outcome: OUTCOME[event.kind],
    subscriberEmail: null,
    details: null,
  };
}
