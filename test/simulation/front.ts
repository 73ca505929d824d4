/**
 * The HTTP side of a simulated replica: the service's own routes for events and for the feed. Building the router takes
 * longer than a world lasts, so it is built once, and everything that it remembers belongs to the process behind it.
 */
import { type FastifyBaseLogger, fastify } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { installFeed } from '../../service/feed/feed-route.js';
import type { FeedWaiters } from '../../service/feed/feed-waiters.js';
import { installHoldOperations } from '../../service/holds/operations-route.js';
import { installAccess } from '../../service/http/access.js';
import { installErrorAnswers } from '../../service/http/error-answers.js';
import { installJsonBody } from '../../service/http/json-body.js';
import { createLogger } from '../../service/http/logger.js';
import { createMetrics } from '../../service/http/metrics.js';
import { CAPABILITIES } from '../../service/http/server.js';
import type { Api, ServiceContext } from '../../service/http/types.js';
import { installBatch } from '../../service/ingest/batch-route.js';
import type { IngestState } from '../../service/ingest/ingest-state.js';
import { installMetering } from '../../service/ingest/metering-route.js';
import type { Store } from '../../service/store/store.js';
import type { Machine } from './world.js';

/** What a process has in its memory. */
export interface Served {
  readonly store: Store;
  readonly ingest: IngestState;
  readonly waiters: FeedWaiters;
  readonly runtime: Machine['runtime'];
}

/** An answer. */
export interface FrontAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A router that serves for one process after the other. */
export interface Front {
  serve(served: Served): void;
  ask(method: string, url: string, headers: Record<string, string>, body: string | undefined): Promise<FrontAnswer>;
  close(): Promise<void>;
}

/** Builds one. */
export async function createFront(): Promise<Front> {
  let served: Served | undefined;
  const through = <K extends keyof Served>(part: K): Served[K] =>
    new Proxy({} as Served[K], {
      get(_target, name) {
        const behind = served?.[part] as Record<PropertyKey, unknown> | undefined;
        const value = behind?.[name];
        return typeof value === 'function' ? value.bind(behind) : value;
      },
    });
  const runtime = through('runtime');
  const context = {
    store: through('store'),
    runtime,
    log: { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false },
    protectCredential: (_teamId: string, value: string) => value,
    ingest: through('ingest'),
    metrics: createMetrics(),
  } as unknown as ServiceContext;
  const api: Api = fastify({
    loggerInstance: createLogger('silent') as FastifyBaseLogger,
  }).withTypeProvider<ZodTypeProvider>();
  api.setValidatorCompiler(validatorCompiler);
  api.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  installJsonBody(api);
  installErrorAnswers(api, context, 1_048_576);
  api.addHook('onRequest', async (_request, reply) => {
    reply.header('fusewire-capabilities', CAPABILITIES.join(', '));
  });
  installAccess(api, context, { keyPerSecond: 0, wrongKeysPerSecond: 0 });
  const waiters = through('waiters');
  for (const prefix of ['/v2/api', '/profitstream/v2/api']) {
    installFeed(api, context, waiters, prefix, true);
    installHoldOperations(api, context, { note() {} }, prefix, true);
  }
  installMetering(api, context, '/meter/v2', true);
  await installBatch(api, context, '/meter/v2', true);
  await api.ready();
  return {
    serve(next) {
      served = next;
    },
    async ask(method, url, headers, body) {
      const answer = await api.inject({
        method: method as 'GET',
        url,
        headers,
        ...(body === undefined ? {} : { payload: body }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers as Record<string, string>,
        body: answer.rawPayload,
      };
    },
    close: () => api.close(),
  };
}
