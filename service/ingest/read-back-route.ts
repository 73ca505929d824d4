/** Metered events as a person, or a terminal summary, reads them back (contract 4.8). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { boundedSize, envelope, envelopeSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled } from '../ledger/decimal.js';
import type { StoredEvent } from '../store/store.js';

const LIST = 'aICompletionMetricResourceList';
const NANO_DIGITS = 9;

const rowSchema = z.looseObject({
  id: z.string(),
  resourceType: z.literal('aiCompletionMetric'),
  transactionId: z.string(),
  totalCost: z.number().nullable().describe('dollars; null where the price is unknown, which is not zero'),
  priceState: z.enum(['known', 'free', 'unknown']),
  created: z.iso.datetime(),
});

/** Registers `GET {prefix}/sources/metrics/ai/completions`; a metering key may read what it metered. */
export function installReadBack(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/sources/metrics/ai/completions`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'Read metered events with their price, newest first',
        tags: ['metering'],
        hide: !described,
        querystring: z.object({ ...teamQuery, ...pageQuery, transactionId: z.string().max(512).optional() }),
        response: { 200: envelopeSchema(LIST, rowSchema) },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { page, transactionId } = request.query;
      const size = boundedSize(request.query.size);
      const found = await store.findEvents(teamId, {
        page,
        size,
        ...(transactionId === undefined ? {} : { transactionId }),
      });
      return envelope(LIST, found.items.map(rowOf), found, { page, size });
    },
  );
}

function rowOf(event: StoredEvent): z.output<typeof rowSchema> {
  const cost = event.priceState === 'unknown' ? null : Number(formatScaled(event.amountNanoUsd, NANO_DIGITS));
  return {
    ...event.body,
    id: event.id,
    resourceType: 'aiCompletionMetric',
    transactionId: event.transactionId,
    totalCost: cost,
    priceState: event.priceState,
    created: new Date(event.receivedAtMs).toISOString(),
  };
}
