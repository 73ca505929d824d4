/** Metered events as a person, or a terminal summary, reads them back (contract 4.8). */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { formatScaled } from '../ledger/decimal.js';
import type { EventKind } from '../ledger/media-facts.js';
import type { StoredEvent } from '../store/store.js';
import { referenceData } from './reference-data.js';

const NANO_DIGITS = 9;
const TEXT_MAX = 1_024;

/** A read of one kind of event. */
interface ReadBack {
  readonly path: string;
  readonly kind: EventKind;
  readonly list: string;
  readonly resourceType: string;
}

const READS: readonly ReadBack[] = [
  {
    path: 'ai/completions',
    kind: 'completion',
    list: 'aICompletionMetricResourceList',
    resourceType: 'aiCompletionMetric',
  },
  { path: 'ai/images', kind: 'image', list: 'aIImageMetricResourceList', resourceType: 'aiImageMetric' },
  { path: 'ai/audio', kind: 'audio', list: 'aIAudioMetricResourceList', resourceType: 'aiAudioMetric' },
  { path: 'ai/video', kind: 'video', list: 'aIVideoMetricResourceList', resourceType: 'aiVideoMetric' },
  { path: 'tool/events', kind: 'tool', list: 'toolEventMetricResourceList', resourceType: 'toolEventMetric' },
];

const rowSchema = z.looseObject({
  id: z.string(),
  resourceType: z.string(),
  transactionId: z.string(),
  totalCost: z.number().nullable().describe('dollars; null where the price is unknown, which is not zero'),
  priceState: z.enum(['known', 'free', 'unknown']),
  created: z.iso.datetime(),
});
const promptsSchema = z.object({
  id: z.string(),
  transactionId: z.string(),
  systemPrompt: z.string().nullable(),
  inputMessages: z.string().nullable(),
  outputResponse: z.string().nullable(),
  promptsTruncated: z.boolean(),
});
const time = () =>
  z.iso
    .datetime({ offset: true, error: 'must be an ISO-8601 time such as 2026-11-20T09:15:00.000Z' })
    .optional()
    .describe('by the time that windows count, included');
const listQuery = z.object({
  ...teamQuery,
  ...pageQuery,
  transactionId: z.string().max(512).optional(),
  traceId: z.string().max(TEXT_MAX).optional(),
  from: time(),
  to: time(),
  model: z.string().max(256).optional(),
  subscriber: z.string().max(TEXT_MAX).optional().describe('an id, or an e-mail address'),
});
const params = z.object({ id: z.string().max(512) });
const query = z.object(teamQuery);
const config = { access: 'metering' as const };
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema };

/** Registers the reads under `{prefix}/sources/metrics`; a metering key may read what it metered. */
export function installReadBack(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/sources/metrics`;
  for (const read of READS) {
    installList(api, context, path, read, !described);
    installOne(api, context, path, read, !described);
  }
  installDetails(api, context, `${path}/ai/completions`, !described);
}

function installList(api: Api, { store }: ServiceContext, path: string, read: ReadBack, hide: boolean): void {
  api.get(
    `${path}/${read.path}`,
    {
      config,
      schema: {
        summary: `Read metered events (${read.kind}) with their price, newest first`,
        tags: ['metering'],
        hide,
        querystring: listQuery,
        response: { 200: envelopeSchema(read.list, rowSchema), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { page, from, to, transactionId, traceId, model, subscriber } = request.query;
      const size = boundedSize(request.query.size);
      const found = await store.findEvents(teamId, {
        kind: read.kind,
        page,
        size,
        transactionId,
        traceId: traceId || undefined,
        model: model || undefined,
        subscriber: subscriber || undefined,
        fromMs: from === undefined ? undefined : Date.parse(from),
        toMs: to === undefined ? undefined : Date.parse(to),
      });
      return envelope(
        read.list,
        found.items.map((event) => rowOf(event, read)),
        found,
        { page, size },
      );
    },
  );
}

function installOne(api: Api, context: ServiceContext, path: string, read: ReadBack, hide: boolean): void {
  api.get(
    `${path}/${read.path}/:id`,
    {
      config,
      schema: {
        summary: `Read one metered event (${read.kind}), by its id or its transaction id`,
        tags: ['metering'],
        hide,
        params,
        querystring: query,
        response: { 200: rowSchema, ...errors, 404: errorSchema },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return rowOf(await findOne(context, teamId, request.params.id, read.kind), read);
    },
  );
}

function installDetails(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['metering'], hide };
  api.get(
    `${path}/:id/prompts`,
    {
      config,
      schema: {
        ...common,
        summary: 'The prompts that were captured with an event; null where none were',
        params,
        querystring: query,
        response: { 200: promptsSchema, ...errors, 404: errorSchema },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { id, transactionId, body } = await findOne(context, teamId, request.params.id, 'completion');
      const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : null);
      return {
        id,
        transactionId,
        systemPrompt: text('systemPrompt'),
        inputMessages: text('inputMessages'),
        outputResponse: text('outputResponse'),
        promptsTruncated: body['promptsTruncated'] === true,
      };
    },
  );
  api.get(
    `${path}/reference-data`,
    {
      config,
      schema: {
        ...common,
        summary: 'The values that fields of metered events take, and the models that were metered of late',
        querystring: query,
        response: { 200: z.record(z.string(), z.unknown()), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return referenceData(await context.store.meteredNames(teamId));
    },
  );
}

async function findOne({ store }: ServiceContext, teamId: string, id: string, kind: EventKind): Promise<StoredEvent> {
  const event = await store.getEvent(teamId, id);
  if (event !== undefined && event.kind === kind) return event;
  throw new ApiError(404, 'unknown_event', `there is no metered event ${id} here`);
}

function rowOf(event: StoredEvent, { resourceType }: ReadBack): z.output<typeof rowSchema> {
  const cost = event.priceState === 'unknown' ? null : Number(formatScaled(event.amountNanoUsd, NANO_DIGITS));
  return {
    ...event.body,
    id: event.id,
    resourceType,
    transactionId: event.transactionId,
    totalCost: cost,
    priceState: event.priceState,
    created: new Date(event.receivedAtMs).toISOString(),
  };
}
