/** Station 6: a usage event comes in (contract 5.1 to 5.3). */
import { usageEventSchema } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, Caller, ServiceContext } from '../http/types.js';
import { receiptAnswer } from '../ledger/receipt.js';
import type { KeptAnswer } from '../store/store.js';
import { hashRequest, keyMismatch, readIdempotencyKey } from './idempotency.js';
import { normalizeEvent } from './normalize-event.js';

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
      const key = readIdempotencyKey(request.headers['idempotency-key']);
      const recorded = await record(context, caller, request.body, key, request.rawBody);
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
  { store, runtime, protectCredential }: ServiceContext,
  { team }: Caller,
  body: z.output<typeof usageEventSchema>,
  key: string | undefined,
  rawBody: string,
): Promise<Recorded> {
  const canonical = normalizeEvent(body, runtime.newId, (value) => protectCredential(team.id, value));
  const event = { transactionId: canonical.transactionId, receivedAtMs: runtime.now(), body: canonical };
  if (key === undefined) {
    const [result] = await store.recordEvents(team.id, [event]);
    if (result === undefined) throw new Error('the store did not answer for an event');
    return { answer: receiptAnswer(result), revision: result.revision, replayed: false };
  }
  const once = await store.recordOnce(team.id, { key, bodyHash: hashRequest('ai/completions', rawBody), event });
  if (once.state === 'mismatch') throw keyMismatch();
  if (once.state === 'replayed') return { answer: once.answer, revision: once.revision, replayed: true };
  return { answer: once.answer, revision: once.result.revision, replayed: false };
}

function teamInQuery(query: unknown): string | undefined {
  const teamId = (query as { teamId?: unknown } | undefined)?.teamId;
  return typeof teamId === 'string' ? teamId : undefined;
}
