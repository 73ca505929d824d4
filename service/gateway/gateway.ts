/** Puts the gateway together, and takes it apart again, in order. */
import type { Log, Runtime } from 'fusewire/internal';
import type { Metrics } from '../http/metrics.js';
import type { CredentialProtector } from '../ingest/protect-credential.js';
import type { Store } from '../store/store.js';
import { createGatewayBooks } from './books/gateway-books.js';
import { answerRequest, type CallParts } from './call.js';
import { createForwarder } from './forward/forwarder.js';
import { UpstreamPools } from './forward/upstream-pools.js';
import { type GatewayConfig, ollamaUpstream } from './gateway-config.js';
import { createAuthenticator } from './http/authenticate.js';
import { countForwardings } from './http/forward-metrics.js';
import { createGatewayMetrics } from './http/gateway-metrics.js';
import { createGatewayServer } from './http/gateway-server.js';
import { createHealth } from './http/health.js';
import { KeyLimits } from './http/key-limits.js';
import { createOllamaProbe } from './http/ollama-probe.js';
import { BodyReader } from './http/read-body.js';
import { createRequestLog } from './http/request-log.js';
import { writeError } from './http/write-error.js';
import { createAnswerModels } from './models/answer-models.js';
import { createUpstreamLists, type UpstreamLists } from './models/upstream-lists.js';
import { createReadCall } from './read-call.js';

/** What a gateway stands on. */
export interface GatewayParts {
  readonly config: GatewayConfig;
  readonly store: Store;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Holds the outbox of what was metered and is not in the ledger yet. */
  readonly dataDir: string;
  readonly protectCredential: CredentialProtector;
  readonly metrics: Metrics;
}

/** A gateway that listens. */
export interface OpenGateway {
  readonly port: number;
  /** Takes nothing more, lets what is under way end for a while, and brings what was metered into the ledger. */
  close(): Promise<void>;
}

/**
 * Opens a gateway. What an earlier run left is in the ledger before the first call is decided on.
 *
 * @throws the error of `listen` (`EADDRINUSE` …)
 */
export async function openGateway(parts: GatewayParts): Promise<OpenGateway> {
  const { config, store, runtime, log } = parts;
  const { limits } = config;
  for (const note of config.notes) log.warn(note);
  const metrics = createGatewayMetrics(parts.metrics);
  const { protectCredential, dataDir } = parts;
  const { holdTtlSeconds } = config;
  const standsOn = { store, runtime, log, dataDir, protectCredential, holdTtlSeconds };
  const books = createGatewayBooks({ ...standsOn, metrics: parts.metrics });
  const pools = new UpstreamPools(limits);
  const forwarder = createForwarder({ limits, runtime, pools, writeError, ended: countForwardings(metrics) });
  const keyLimits = new KeyLimits(limits, runtime, log);
  const lists = createUpstreamLists({ upstreams: config.upstreams, runtime, log });
  const spelling = (name: string) => lists.spelling(name);
  const path: CallParts = {
    health: createHealth({
      runtime,
      log,
      probeStore: () => store.probeWrite(),
      trouble: () => books.trouble(),
      deadLetters: () => books.deadLetters(),
      probeOllama: createOllamaProbe(ollamaUpstream(config)),
      upstreams: config.upstreams.map(({ name }) => name),
    }),
    authenticate: createAuthenticator({
      findKey: (hash) => store.findGatewayKey(hash),
      runtime,
      wrongKeysPerSecond: limits.wrongKeysPerSecond,
      addressHeader: config.addressHeader,
    }),
    keyLimits,
    models: createAnswerModels({ config, store, runtime, log, lists }),
    bodies: new BodyReader(limits),
    readCall: createReadCall(config, { spelling, note: (text) => log.warn(text) }),
    books,
    forwarder,
    now: () => runtime.monotonicNow(),
    metrics,
  };
  metrics.callsUnderWay(() => keyLimits.callsUnderWay);
  metrics.deadLetters(() => books.deadLetters());
  const server = createGatewayServer({
    limits,
    runtime,
    log,
    metrics,
    requestLog: createRequestLog(log, runtime),
    handle: (exchange) => answerRequest(path, exchange),
    corsOrigins: config.corsOrigins,
  });
  await Promise.all([books.recover(), knowNames(lists, parts)]);
  try {
    const { port } = await server.listen(config.port, config.host);
    const close = async () => {
      await server.close();
      await forwarder.close();
      await books.close();
    };
    return { port, close };
  } catch (error) {
    await forwarder.close();
    await books.close();
    throw error;
  }
}

/** Ollama takes `LLAMA3` for `llama3`: a budget of a model has to know how its name is spelt from the first call on. */
function knowNames(lists: UpstreamLists, { config, runtime }: GatewayParts): Promise<void> {
  const ollamas = config.upstreams.filter(({ protocol }) => protocol === 'ollama');
  return new Promise((resolve) => {
    const timer = runtime.setTimer(resolve, NAMES_WAIT_MS, { keepAlive: true });
    void Promise.all(ollamas.map((upstream) => lists.listOf(upstream))).then(() => {
      timer.cancel();
      resolve();
    });
  });
}

/** A start waits no longer for an Ollama that does not answer. */
const NAMES_WAIT_MS = 500;
