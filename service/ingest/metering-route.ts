/** Station 6: a metered event comes in (contract 5.1 to 5.7). One route for each kind, all of them through here. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, Caller, ServiceContext } from '../http/types.js';
import { receiptAnswer } from '../ledger/receipt.js';
import type { KeptAnswer } from '../store/store.js';
import { hashRequest, keyMismatch, readIdempotencyKey, whileClaimed } from './idempotency.js';
import { METERED_KINDS, type MeteredKind } from './metered-kinds.js';
import { tellRevision } from './tell-revision.js';

/** The answer to an event (contract 5.2). */
export const receiptSchema = z.object({
  id: z.string(),
  label: z.string(),
  resourceType: z.literal('metering'),
  signature: z.string(),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
  _links: z.object({}),
});

/** Registers a POST for every kind. Answers 201 when the event is durable, also for one that is there already. */
export function installMetering(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  for (const kind of METERED_KINDS) installKind(api, context, prefix, kind, !described);
}

function installKind(api: Api, context: ServiceContext, prefix: string, kind: MeteredKind, hide: boolean): void {
  const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 409: errorSchema, 422: errorSchema };
  api.post(
    `${prefix}/${kind.type}`,
    {
      config: { access: 'metering' },
      onSend: tellRevision(context.ingest),
      schema: {
        summary: kind.summary,
        description: 'Idempotent by Idempotency-Key (24 h) and by transactionId within the team.',
        tags: ['metering'],
        hide,
        body: kind.schema,
        response: { 201: receiptSchema, ...errors },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      ownTeam(caller, [teamInQuery(request.query)]);
      const key = readIdempotencyKey(request.headers['idempotency-key']);
      const recorded = await whileClaimed(context.ingest, caller.team.id, key, () =>
        record(context, caller, kind, request.body, key, request.rawBody),
      );
      context.ingest.note(caller.team.id, recorded.revision);
      if (recorded.replayed) reply.header('idempotent-replayed', 'true');
      return reply
        .code(recorded.answer.status as 201)
        .header('fusewire-revision', String(recorded.revision))
        .type('application/json')
        .send(recorded.answer.body as unknown as z.output<typeof receiptSchema>);
    },
  );
}

interface Recorded {
  readonly answer: KeptAnswer;
  readonly revision: number;
  /** Whether the answer was kept from an earlier request. */
  readonly replayed: boolean;
}

async function record(
  { store, runtime, protectCredential, metrics }: ServiceContext,
  { team }: Caller,
  kind: MeteredKind,
  body: unknown,
  key: string | undefined,
  rawBody: string,
): Promise<Recorded> {
  const tools = { newId: runtime.newId, protect: (value: string) => protectCredential(team.id, value) };
  const canonical = kind.canonical(body, tools);
  const { transactionId } = canonical;
  const event = { transactionId, receivedAtMs: runtime.now(), kind: kind.kind, body: canonical };
  if (key === undefined) {
    const [result] = await store.recordEvents(team.id, [event]);
    if (result === undefined) throw new Error('the store did not answer for an event');
    metrics.events(result.outcome, 1);
    return { answer: receiptAnswer(result), revision: result.revision, replayed: false };
  }
  const once = await store.recordOnce(team.id, { key, bodyHash: hashRequest(kind.type, rawBody), event });
  metrics.events(once.state === 'recorded' ? once.result.outcome : once.state, 1);
  if (once.state === 'mismatch') throw keyMismatch();
  if (once.state === 'replayed') return { answer: once.answer, revision: once.revision, replayed: true };
  return { answer: once.answer, revision: once.result.revision, replayed: false };
}

/** The team that a client of the hosted API names in the query of every call. */
export function teamInQuery(query: unknown): string | undefined {
  const teamId = (query as { teamId?: unknown } | undefined)?.teamId;
  return typeof teamId === 'string' ? teamId : undefined;
}
