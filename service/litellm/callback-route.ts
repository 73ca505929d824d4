/** `POST …/fusewire/litellm/callback`: what a LiteLLM proxy's generic logger tells of calls that were made. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError } from '../http/api-error.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { teamInQuery } from '../ingest/metering-route.js';
import { tellRevision } from '../ingest/tell-revision.js';
import { BODY_BYTES_MAX, installPayloads, PAYLOADS_MAX } from './callback-body.js';
import { recordPayloads } from './record-payloads.js';

const resultSchema = z.object({
  outcome: z.enum(['stored', 'duplicate', 'shared', 'refused', 'invalid', 'failed']),
  transactionId: z.string().optional(),
  problem: z.string().optional(),
});

/** Registers the route. Answers 200 with a result for each payload; 503 where the store takes nothing. */
export async function installCallback(api: Api, context: ServiceContext, prefix: string): Promise<void> {
  await api.register(async (scoped) => {
    const own = scoped as unknown as Api;
    installPayloads(own);
    installRoute(own, context, prefix);
  });
}

function installRoute(api: Api, context: ServiceContext, prefix: string): void {
  api.post(
    `${prefix}/fusewire/litellm/callback`,
    {
      config: { access: 'metering', bearer: true },
      bodyLimit: BODY_BYTES_MAX,
      onSend: tellRevision(context.ingest),
      schema: {
        summary: 'Meter the calls of a LiteLLM proxy (generic logger)',
        description:
          'StandardLoggingPayload objects as a JSON array, as one object, or one a line. The key comes as x-api-key or ' +
          'as Authorization: Bearer. Idempotent by the call id.',
        tags: ['metering'],
        body: z.array(z.unknown()).describe('as LiteLLM’s generic_api callback sends them'),
        response: {
          200: z.object({ results: z.array(resultSchema) }),
          401: errorSchema,
          403: errorSchema,
          413: errorSchema,
        },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      ownTeam(caller, [teamInQuery(request.query)]);
      const payloads = request.body;
      if (payloads.length > PAYLOADS_MAX) {
        throw new ApiError(413, 'batch_too_large', `the body holds more than ${PAYLOADS_MAX} payloads`);
      }
      const results = await recordPayloads(context, caller, payloads);
      const lost = results.filter(({ outcome }) => outcome === 'invalid' || outcome === 'failed');
      if (lost.length > 0) {
        context.log.warn('payloads of a LiteLLM proxy were not metered', {
          payloads: lost.length,
          first: lost[0]?.problem,
        });
      }
      return { results: [...results] };
    },
  );
}
