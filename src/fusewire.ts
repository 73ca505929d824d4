/** The composition root: wires one instance together and decides nothing. The main path itself is src/call.ts. */
import { join } from 'node:path';
import { type BypassSwitch, createBypassSwitch } from '../cache/bypass-switch.js';
import { createEnforcementCache, type EnforcementCache } from '../cache/enforcement-cache.js';
import type { CallDimensions, Decision, RefuseDecision } from '../enforcement/decision.js';
import { createGuard } from '../enforcement/guard.js';
import { type CallPath, createCallPath } from './call.js';
import { type Config, type FusewireOptions, resolveConfig } from './config.js';
import { readVariable } from './config-variables.js';
import { type Credentials, createCredentials } from './credentials.js';
import { createLog, harmlessLog } from './log.js';
import { createMetadataResolver, type MetadataResolver } from './metadata/resolver.js';
import type { Attempt, AttemptSink } from './metering/attempt.js';
import { createDelivery, type Delivery } from './metering/delivery.js';
import { createTokenEstimator } from './metering/estimate-tokens.js';
import { openOutbox } from './metering/open-outbox.js';
import type { Outbox } from './metering/outbox.js';
import { flushAtExit } from './metering/process-exit.js';
import { createRuntime, type Runtime } from './runtime.js';
import { VERSION } from './version.js';

/** Counts of one instance since it was made. */
export interface CallCounters {
  /** Calls that were refused before they were sent. */
  refused: number;
  /** Attempts that were sent. */
  attempts: number;
  /** Attempts to endpoints that no adapter knows; let through and flagged (I1). */
  unknownEndpoints: number;
}

/** Everything that one instance is made of. Internal: the public face is in src/instance.ts. */
export interface Parts {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly credentials: () => Credentials | undefined;
  readonly metadata: MetadataResolver;
  readonly bypass: BypassSwitch;
  /** Absent while the circuit breaker is not enabled: no poller exists. */
  readonly cache: EnforcementCache | undefined;
  readonly outbox: Outbox;
  readonly delivery: Delivery;
  readonly path: CallPath;
  readonly sink: AttemptSink;
  readonly counters: CallCounters;
  readonly lastRefusal: () => RefuseDecision | undefined;
  readonly decide: (call: CallDimensions) => Decision;
  readonly uninstallExit: () => void;
}

/**
 * Builds an instance. Nothing is sent and no file is read before the first call.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option.
 */
export function assemble(options: FusewireOptions, overrides: Partial<Runtime> = {}): Parts {
  const base = createRuntime(overrides);
  const { config, problems } = resolveConfig(options, base.env);
  const log = harmlessLog(options.log ?? overrides.log ?? createLog(config.logLevel));
  const runtime: Runtime = { ...base, log };
  for (const problem of problems) log[problem.level](problem.message);

  const credentials = createCredentials(config, runtime);
  const metadata = createMetadataResolver(runtime, config.usageMetadata);
  const bypassFile = config.bypassFile ?? (config.cacheDir && join(config.cacheDir, 'revenium_bypass'));
  const bypass = createBypassSwitch({
    runtime,
    fromEnvironment: config.bypass,
    ...(bypassFile ? { file: bypassFile } : {}),
  });
  const cache = config.circuitBreakerEnabled ? openCache(config, runtime, credentials) : undefined;
  const outbox = openOutbox(config, runtime, credentials);
  const delivery = openDelivery(config, runtime, credentials, outbox, cache);
  const counters: CallCounters = { refused: 0, attempts: 0, unknownEndpoints: 0 };
  let lastRefusal: RefuseDecision | undefined;
  const sink: AttemptSink = {
    runtime,
    outbox,
    middlewareSource: `fusewire-node@${VERSION}`,
    open: new Set<Attempt>(),
    estimateTokens: createTokenEstimator().estimate,
    refused(decision) {
      counters.refused += 1;
      lastRefusal = decision;
    },
    started(request) {
      counters.attempts += 1;
      if (!request.known) counters.unknownEndpoints += 1;
    },
  };
  // One object with getters: a decision allocates nothing here, and reads the environment only until key and team are
  // known. A key that goes away later stops the polls, not the rules that are loaded.
  let wasConfigured = false;
  const state = {
    enabled: cache !== undefined,
    failMode: config.failMode,
    get bypassed() {
      return bypass.isOn();
    },
    get configured() {
      wasConfigured ||= credentials()?.teamId !== undefined;
      return wasConfigured;
    },
    get missing() {
      const known = credentials();
      const names = known === undefined ? ['REVENIUM_METERING_API_KEY'] : [];
      const hasTeam = known?.teamId ?? config.teamId ?? readVariable(runtime.env, 'REVENIUM_TEAM_ID');
      return hasTeam === undefined ? [...names, 'REVENIUM_TEAM_ID'] : names;
    },
  };
  const decider = createGuard({
    state: () => state,
    rules: () => cache?.current(),
    now: runtime.now,
    log,
  });
  const settleOpenAttempts = () => {
    for (const attempt of [...sink.open]) attempt.settle('abandoned');
  };
  const uninstallExit = flushAtExit({
    runtime,
    flush: (timeoutMs) => delivery.flush(timeoutMs),
    settleOpenAttempts,
    timeoutMs: config.shutdownTimeoutMs,
    installSignalHandlers: config.installSignalHandlers,
  });
  return {
    config,
    runtime,
    credentials,
    metadata,
    bypass,
    cache,
    outbox,
    delivery,
    path: createCallPath(decider, metadata, sink, runtime),
    sink,
    counters,
    lastRefusal: () => lastRefusal,
    decide: (call) => decider.decide(call),
    uninstallExit,
  };
}

function openCache(config: Config, runtime: Runtime, credentials: () => Credentials | undefined): EnforcementCache {
  return createEnforcementCache({
    runtime,
    credentials: () => {
      const known = credentials();
      return known?.teamId === undefined ? undefined : { apiKey: known.apiKey.reveal(), teamId: known.teamId };
    },
    baseUrl: config.enforcementBaseUrl,
    pollIntervalMs: config.pollIntervalMs,
    userAgent: `fusewire/${VERSION}`,
    ...(config.cacheDir === undefined ? {} : { cacheDir: config.cacheDir }),
  });
}

function openDelivery(
  config: Config,
  runtime: Runtime,
  credentials: () => Credentials | undefined,
  outbox: Outbox,
  cache: EnforcementCache | undefined,
): Delivery {
  return createDelivery({
    outbox,
    runtime,
    endpoint: () => new URL(config.meteringBaseUrl),
    credentials,
    userAgent: `fusewire/${VERSION}`,
    settings: {
      workers: config.workers,
      timeoutMs: config.timeoutMs,
      connectTimeoutMs: config.connectTimeoutMs,
      maxRetries: config.maxRetries,
      flushIntervalMs: config.flushIntervalMs,
    },
    onRevision: (revision) => cache?.noteRevision(revision),
  });
}
