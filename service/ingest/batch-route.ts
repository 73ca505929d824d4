/** Many events in one request, an answer for each (an extension, announced as `ingest-batch`). */
import type { FastifyError } from 'fastify';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { BATCH_BYTES_MAX, BATCH_ITEMS_MAX, batchTooLarge, installLines } from './batch-body.js';
import { teamInQuery } from './metering-route.js';
import { recordBatch } from './record-batch.js';
import { tellRevision } from './tell-revision.js';

const LINES = 'application/x-ndjson';

const resultSchema = z.object({
  status: z.int().describe('what the item would have got alone: 201, or the status of its refusal'),
  body: z.record(z.string(), z.unknown()).describe('the receipt, or the error'),
  replayed: z.literal(true).optional(),
});

/**
 * Registers `POST {prefix}/batch`: a JSON array, or one item a line. Answers 200 with a result for each item, in order; 503
 * for the whole where the store takes nothing. At most 1,000 items and 8 MiB.
 */
export async function installBatch(
  api: Api,
  context: ServiceContext,
  prefix: string,
  described: boolean,
): Promise<void> {
  // In a scope of its own, so that no other route takes lines.
  await api.register(async (scoped) => {
    const own = scoped as unknown as Api;
    installLines(own);
    installRoute(own, context, prefix, described);
  });
}

function installRoute(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  api.post(
    `${prefix}/batch`,
    {
      config: { access: 'metering' },
      bodyLimit: BATCH_BYTES_MAX,
      onSend: tellRevision(context.ingest),
      errorHandler(error: FastifyError) {
        if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
          throw batchTooLarge(`the batch is larger than ${BATCH_BYTES_MAX} bytes`);
        }
        throw error;
      },
      schema: {
        summary: 'Meter many events at once',
        description:
          'Items `{type, idempotencyKey, event}` as a JSON array, or one a line as application/x-ndjson. ' +
          `At most ${BATCH_ITEMS_MAX} items and 8 MiB. An item that is wrong does not harm the others.`,
        tags: ['metering'],
        hide: !described,
        body: z
          .array(z.unknown(), { error: 'the body must be a JSON array of items' })
          .describe('items {"type":"ai/completions","idempotencyKey":"…","event":{…}}'),
        response: { 200: z.object({ results: z.array(resultSchema) }), 400: errorSchema, 413: errorSchema },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      ownTeam(caller, [teamInQuery(request.query)]);
      if (request.body.length > BATCH_ITEMS_MAX) {
        throw batchTooLarge(`the batch holds more than ${BATCH_ITEMS_MAX} items`);
      }
      const results = await recordBatch(context, caller, request.body);
      if (request.headers['content-type']?.startsWith(LINES) !== true) {
        return reply.send({ results } as { results: z.output<typeof resultSchema>[] });
      }
      const lines = results.map((result) => `${JSON.stringify(result)}\n`).join('');
      return reply.type(LINES).send(lines as unknown as { results: z.output<typeof resultSchema>[] });
    },
  );
}
