/** Station 6: a usage event comes in (contract 5.1 to 5.3). */
import { usageEventSchema } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, Caller, ServiceContext } from '../http/types.js';
import type { RecordResult } from '../store/store.js';
import { onceForKey } from './idempotency.js';
import { type CanonicalEvent, normalizeEvent } from './normalize-event.js';

/** The answer to an event (contract 5.2). */
const receiptSchema = z.object({
  id: z.string(),
  label: z.string(),
  resourceType: z.literal('metering'),
  signature: z.string(),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
  _links: z.object({}),
});

/** Registers `POST {prefix}/ai/completions`. Answers 201 when the event is durable, also for one that is there already. */
export function installCompletions(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  api.post(
    `${prefix}/ai/completions`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'Meter one model call',
        description: 'Idempotent by Idempotency-Key (24 h) and by transactionId within the team.',
        tags: ['metering'],
        hide: !described,
        body: usageEventSchema,
        response: { 201: receiptSchema, 400: errorSchema, 401: errorSchema, 403: errorSchema, 409: errorSchema },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      ownTeam(caller, [teamInQuery(request.query)]);
      const asked = {
        owner: caller.team.id,
        header: request.headers['idempotency-key'],
        operation: 'ai/completions',
        rawBody: request.rawBody,
      };
      let revision: number | undefined;
      const answer = await onceForKey(context, asked, async () => {
        const result = await record(context, caller, normalize(context, caller, request.body));
        revision = result.revision;
        return { status: 201, body: JSON.stringify(receiptOf(result)) };
      });
      revision ??= (await context.store.feed(caller.team.id)).revision;
      if (answer.replayed) reply.header('idempotent-replayed', 'true');
      return reply
        .code(answer.status as 201)
        .header('fusewire-revision', String(revision))
        .type('application/json')
        .send(answer.body as unknown as z.output<typeof receiptSchema>);
    },
  );
}

function normalize(context: ServiceContext, caller: Caller, body: z.output<typeof usageEventSchema>): CanonicalEvent {
  const protect = (value: string) => context.protectCredential(caller.team.id, value);
  return normalizeEvent(body, context.runtime.newId, protect);
}

async function record(context: ServiceContext, caller: Caller, event: CanonicalEvent): Promise<RecordResult> {
  const incoming = { transactionId: event.transactionId, receivedAtMs: context.runtime.now(), body: event };
  const [result] = await context.store.recordEvents(caller.team.id, [incoming]);
  if (result === undefined) throw new Error('the store did not answer for an event');
  if (result.outcome === 'conflict') {
    context.log.warn('an event came with a transaction id that is taken by another body; kept and flagged', {
      transactionId: event.transactionId,
    });
  }
  return result;
}

function receiptOf(result: RecordResult): z.output<typeof receiptSchema> {
  const created = new Date(result.createdAtMs).toISOString();
  return {
    id: result.id,
    label: result.transactionId,
    resourceType: 'metering',
    signature: '',
    created,
    updated: created,
    _links: {},
  };
}

function teamInQuery(query: unknown): string | undefined {
  const teamId = (query as { teamId?: unknown } | undefined)?.teamId;
  return typeof teamId === 'string' ? teamId : undefined;
}
