/** The service's HTTP side: one router, wired here. Every route lives in the folder of what it is about. */

import { type FastifyBaseLogger, fastify, LogController } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Log, Runtime } from 'fusewire/internal';
import type { Logger } from 'pino';
import { installAudit } from '../admin/audit-route.js';
import { installBypass } from '../admin/bypass-route.js';
import { installControls } from '../admin/controls-route.js';
import { installCustomers } from '../admin/customers-route.js';
import { installDepartments } from '../admin/departments-route.js';
import { installEnforcementEvents } from '../admin/enforcement-events-route.js';
import { installEnforcementSummaries } from '../admin/enforcement-summaries-route.js';
import { installLocalAdmin } from '../admin/local-admin-route.js';
import { installPrices } from '../admin/prices-route.js';
import { installRaises } from '../admin/raises-route.js';
import { installTeams } from '../admin/teams-route.js';
import { createSecretSealer } from '../alerts/secrets.js';
import { createTargetGuard, type WebhookTargets } from '../alerts/targets.js';
import { installWebhooks } from '../alerts/webhooks-route.js';
import { installExplain } from '../explain/explain-route.js';
import { installExport } from '../export/export-route.js';
import { installFeed } from '../feed/feed-route.js';
import { installFeedWaiters } from '../feed/install-waiters.js';
import { installRoster } from '../feed/roster-route.js';
import { createHoldMetrics } from '../holds/hold-metrics.js';
import { installHolds } from '../holds/holds-route.js';
import { installHoldOperations } from '../holds/operations-route.js';
import { installBatch } from '../ingest/batch-route.js';
import { installConflicts } from '../ingest/conflicts-route.js';
import { IngestState } from '../ingest/ingest-state.js';
import { installMetering } from '../ingest/metering-route.js';
import { createCredentialProtector } from '../ingest/protect-credential.js';
import { installReadBack } from '../ingest/read-back-route.js';
import { installRefusals } from '../ingest/refusals-route.js';
import { installJobs } from '../jobs/jobs-route.js';
import { installCallback } from '../litellm/callback-route.js';
import { installGuardrail } from '../litellm/guardrail-route.js';
import type { Store } from '../store/store.js';
import { installCustomerUsage } from '../usage/install-customer-usage.js';
import { installAccess, type RateLimits } from './access.js';
import { installErrorAnswers } from './error-answers.js';
import { installHealth } from './health.js';
import { installJsonBody } from './json-body.js';
import { createLogger, loggedPath } from './logger.js';
import { watchMethods } from './methods.js';
import { createMetrics, type Metrics } from './metrics.js';
import { installMetrics } from './metrics-route.js';
import { installOpenApi } from './openapi.js';
import { IN_FLIGHT_MAX, installOverloadLimit } from './overload.js';
import { requestIdOf } from './request-id.js';
import { installRequestRecorder } from './request-recorder.js';
import { installRequests } from './requests-route.js';
import type { Api, ServiceContext } from './types.js';

/** What an SDK may count on with this service (DESIGN section 5); announced with every answer. */
export const CAPABILITIES = [
  'feed-revision',
  'feed-etag',
  'feed-wait',
  'feed-delta',
  'feed-whole',
  'ingest-batch',
  'refusals',
  'bypass',
  'holds',
] as const;

/** Connections at once; each that waits for a feed is one. */
const CONNECTIONS_MAX = 20_000;

/** Limits and secrets of the HTTP side. */
export interface ServerConfig {
  /** Keys the HMAC of subscriber credentials; at least 32 random bytes that outlive restarts (I12). */
  readonly credentialSecret: Uint8Array;
  /** Which addresses webhooks may have. @defaultValue public */
  readonly webhookTargets?: WebhookTargets;
  /** Opens the door for local commands. */
  readonly adminToken?: string;
  /** @defaultValue 1 MiB */
  readonly bodyLimitBytes?: number;
  /** To receive a request, and again to answer it. @defaultValue 30,000 ms */
  readonly requestLimitMs?: number;
  /** @defaultValue 1,024 */
  readonly inFlightMax?: number;
  /** For the head of a request to come in whole. @defaultValue 10,000 ms */
  readonly headersLimitMs?: number;
  /** Of all headers of a request. @defaultValue 16 KiB */
  readonly headerBytesMax?: number;
  /** @defaultValue 2,000 requests a second of a key, 20 wrong keys a second of an address */
  readonly rateLimits?: RateLimits;
}

/** What {@link createServer} stands on. `logger` prints requests; without one only the service's own messages are logged. */
export interface ServerParts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly config: ServerConfig;
  readonly logger?: Logger;
  /** @defaultValue counters of this server alone */
  readonly metrics?: Metrics;
}

/** Builds the server; it listens when the caller says so and never closes the store. */
export async function createServer(parts: ServerParts): Promise<Api> {
  const { store, runtime, log, config } = parts;
  const protectCredential = createCredentialProtector(config.credentialSecret);
  const metrics = parts.metrics ?? createMetrics();
  const webhooks = {
    sealer: createSecretSealer(config.credentialSecret),
    guard: createTargetGuard(config.webhookTargets ?? 'public'),
  };
  const { adminToken } = config;
  const context: ServiceContext = {
    store,
    runtime,
    log,
    protectCredential,
    ingest: new IngestState(),
    adminToken,
    metrics,
    webhooks,
  };
  const bodyLimitBytes = config.bodyLimitBytes ?? 1_048_576;
  const requestLimitMs = config.requestLimitMs ?? 30_000;
  const api: Api = fastify({
    loggerInstance: (parts.logger ?? createLogger('silent')) as FastifyBaseLogger,
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestLimitMs,
    handlerTimeout: requestLimitMs,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 512 },
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: config.headerBytesMax ?? 16_384,
      headersTimeout: config.headersLimitMs ?? 10_000,
      // How often slow clients are looked for.
      connectionsCheckingInterval: Math.min(2_000, config.headersLimitMs ?? 2_000),
    },
    genReqId: (message) => requestIdOf(message, runtime.newId),
    // One line a request, from the hook below, instead of two.
    logController: new LogController({ disableRequestLogging: true }),
  }).withTypeProvider<ZodTypeProvider>();

  api.setValidatorCompiler(validatorCompiler);
  // Answers are built by typed code; their schemas describe them and are checked by tests, not once a request.
  api.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  installJsonBody(api);
  installErrorAnswers(api, context, bodyLimitBytes);
  api.addHook('onRequest', async (_request, reply) => {
    reply.header('fusewire-capabilities', CAPABILITIES.join(', ')).header('x-request-id', String(reply.request.id));
  });
  api.server.maxConnections = CONNECTIONS_MAX;
  api.addHook('onResponse', async (request, reply) => {
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    const path = loggedPath(request.url);
    request.log.info({ method: request.method, path, status: reply.statusCode, ms }, 'request');
  });
  installOverloadLimit(api, context, config.inFlightMax ?? IN_FLIGHT_MAX);
  installAccess(api, context, config.rateLimits);
  installRequestRecorder(api, context);
  await installRoutes(api, context);
  return api;
}

/** Both path families run through the same code, so that they cannot differ. */
async function installRoutes(api: Api, context: ServiceContext): Promise<void> {
  const methods = watchMethods(api);
  await installOpenApi(api);
  installHealth(api, context);
  installMetrics(api, context);
  installLocalAdmin(api, context);
  const waiters = installFeedWaiters(api, context);
  const holdCounters = createHoldMetrics(context.metrics, context.store, context.runtime);
  for (const prefix of ['/v2/api', '/profitstream/v2/api']) {
    const described = prefix === '/v2/api';
    installControls(api, context, prefix, described);
    installRaises(api, context, prefix, described);
    installEnforcementEvents(api, context, prefix, described);
    installEnforcementSummaries(api, context, prefix, described);
    installAudit(api, context, prefix, described);
    installBypass(api, context, prefix, described);
    installWebhooks(api, context, prefix, described);
    installTeams(api, context, prefix, described);
    installPrices(api, context, prefix, described);
    installReadBack(api, context, prefix, described);
    installJobs(api, context, prefix, described);
    installConflicts(api, context, prefix, described);
    installRequests(api, context, prefix, described);
    installDepartments(api, context, prefix, described);
    installCustomers(api, context, prefix, described);
    installCustomerUsage(api, context, prefix, described);
    installHoldOperations(api, context, holdCounters, prefix, described);
    installHolds(api, context, prefix, described);
    installExplain(api, context, prefix, described);
    installExport(api, context, prefix, described);
    installFeed(api, context, waiters, prefix, described);
    installRoster(api, context, prefix, described);
  }
  // A client that adds the feed's path to its metering address (contract 1.6).
  installFeed(api, context, waiters, '/meter/v2/api', false);
  installRoster(api, context, '/meter/v2/api', false);
  installMetering(api, context, '/meter/v2', true);
  await installBatch(api, context, '/meter/v2', true);
  installRefusals(api, context, '/meter/v2', true);
  await installCallback(api, context, '/meter/v2');
  await installGuardrail(api, context, '/meter/v2');
  // A client whose base address ends in /v2 (contract 1.6).
  installMetering(api, context, '/v2', false);
  await installBatch(api, context, '/v2', false);
  installRefusals(api, context, '/v2', false);
  methods.close();
}
