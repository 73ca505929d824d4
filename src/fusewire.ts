/** The composition root: wires one instance together and decides nothing. The main path itself is src/call.ts. */
import { join } from 'node:path';
import { type BypassSwitch, createBypassSwitch } from '../cache/bypass-switch.js';
import { Capabilities } from '../cache/capabilities.js';
import { createEnforcementCache, type EnforcementCache } from '../cache/enforcement-cache.js';
import type { CallDimensions, Decision, RefuseDecision } from '../enforcement/decision.js';
import { createGuard } from '../enforcement/guard.js';
import { type CallPath, createCallPath } from './call.js';
import { type CallBook, createCallBook } from './call-book.js';
import { type Config, type FusewireOptions, resolveConfig } from './config.js';
import { type Credentials, createCredentials } from './credentials.js';
import { createFeedCredentials } from './feed-credentials.js';
import { createGuardState } from './guard-state.js';
import { createInsight, type Insight } from './insight.js';
import { createLog, harmlessLog, type Log, maskingLog } from './log.js';
import { createMetadataResolver, type MetadataResolver } from './metadata/resolver.js';
import { createDelivery, type Delivery } from './metering/delivery.js';
import { openOutbox } from './metering/open-outbox.js';
import type { Outbox } from './metering/outbox.js';
import { flushAtExit } from './metering/process-exit.js';
import { RefusalReporter } from './metering/refusals.js';
import { watchOutbox } from './metering/watch-outbox.js';
import { type Holds, openHolds } from './open-holds.js';
import { ProgramHolds } from './program-holds.js';
import { createRuntime, type Runtime } from './runtime.js';
import { ToolMeter } from './tools/tool-meter.js';
import { VERSION } from './version.js';

/** Everything that one instance is made of. Internal: the public face is in src/instance.ts. */
export interface Parts {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly credentials: () => Credentials | undefined;
  readonly metadata: MetadataResolver;
  readonly bypass: BypassSwitch;
  /** What the configured hosts announced. */
  readonly capabilities: Capabilities;
  /** Absent while the circuit breaker is not enabled: no poller exists. */
  readonly cache: EnforcementCache | undefined;
  readonly outbox: Outbox;
  readonly delivery: Delivery;
  readonly refusals: RefusalReporter;
  /** Absent with the cache. */
  readonly holds: Holds | undefined;
  readonly path: CallPath;
  readonly programHolds: ProgramHolds;
  readonly book: CallBook;
  readonly tools: ToolMeter;
  readonly insight: Insight;
  /** Providers of which this instance guards a client or a layer, by the names of `isInitialized`. */
  readonly providers: Set<string>;
  /** Clients and `fetch` functions that send through this instance: while there are any, it must not end unasked. */
  readonly usage: { guarded: number };
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
  const given = options.log === undefined ? undefined : maskingLog(options.log);
  const log = harmlessLog(given ?? overrides.log ?? createLog(config.logLevel));
  const runtime: Runtime = { ...base, log };
  for (const problem of problems) log[problem.level](problem.message);

  const credentials = createCredentials(config, runtime);
  const insight = createInsight(config, runtime, credentials);
  const metadata = createMetadataResolver(runtime, config.usageMetadata, insight.traceSource);
  const bypassFile = config.bypassFile ?? (config.cacheDir && join(config.cacheDir, 'revenium_bypass'));
  const bypass = createBypassSwitch({
    runtime,
    fromEnvironment: config.bypass,
    ...(bypassFile ? { file: bypassFile } : {}),
  });
  const capabilities = new Capabilities(runtime);
  const cache = config.circuitBreakerEnabled
    ? openCache(config, runtime, credentials, capabilities, bypass)
    : undefined;
  const holds =
    cache === undefined
      ? undefined
      : openHolds({
          ...{ config, runtime, credentials, capabilities, cache },
          onReaction: (kind, decision, call) => refusals.note(decision, call, kind),
        });
  const outbox = watched(openOutbox(config, runtime, credentials), holds);
  const delivery = openDelivery(config, runtime, credentials, outbox, cache, capabilities);
  const refusals = openRefusals(config, runtime, credentials, cache, capabilities);
  const noteRefusal = (decision: RefuseDecision, call: CallDimensions) => refusals.note(decision, call);
  const book = createCallBook(runtime, outbox, noteRefusal, { ...insight, shelf: holds?.shelf });
  const state = createGuardState(config, runtime, credentials, bypass);
  const decider = createGuard({ state: () => state, rules: () => cache?.current(), now: runtime.now, log });
  const uninstallExit = flushAtExit({
    runtime,
    flush: (timeoutMs) => flushAtEnd(runtime, () => flushAll(delivery, refusals, timeoutMs), holds, timeoutMs),
    settleOpenAttempts: book.settleOpen,
    reportLeft: () => {
      insight.flush();
      reportLeft(config, outbox, log);
    },
    timeoutMs: config.shutdownTimeoutMs,
    installSignalHandlers: config.installSignalHandlers,
  });
  const path = createCallPath(decider, metadata, book.sink, runtime, config.selectiveMetering, holds?.calls);
  return {
    config,
    runtime,
    credentials,
    metadata,
    bypass,
    capabilities,
    cache,
    outbox,
    delivery,
    refusals,
    holds,
    path,
    programHolds: new ProgramHolds(path, runtime),
    book,
    tools: openTools(runtime, metadata, book, outbox),
    insight,
    providers: new Set(),
    usage: { guarded: 0 },
    decide: (call) => decider.decide(call),
    uninstallExit,
  };
}

/** Holds are told what becomes of the events that name them. */
function watched(outbox: Outbox, holds: Holds | undefined): Outbox {
  return holds === undefined ? outbox : watchOutbox(outbox, holds);
}

function openTools(runtime: Runtime, metadata: MetadataResolver, book: CallBook, outbox: Outbox): ToolMeter {
  return new ToolMeter({
    runtime,
    metadata,
    middlewareSource: book.sink.middlewareSource,
    append(idempotencyKey, event) {
      book.noteUse();
      outbox.append(idempotencyKey, event);
    },
  });
}

/** Delivers what was metered and reports what was refused, both in `timeoutMs`. Resolves to whether all of it is there. */
export async function flushAll(delivery: Delivery, refusals: RefusalReporter, timeoutMs: number): Promise<boolean> {
  const [isDelivered, isReported] = await Promise.all([delivery.flush(timeoutMs), refusals.flush(timeoutMs)]);
  return isDelivered && isReported;
}

/** Delivers, then gives back what no call needs any more: it would be charged when nobody renews it. */
async function flushAtEnd(
  runtime: Runtime,
  flush: () => Promise<boolean>,
  holds: Holds | undefined,
  timeoutMs: number,
): Promise<boolean> {
  const startedAt = runtime.monotonicNow();
  const isDelivered = await flush();
  const leftMs = timeoutMs - (runtime.monotonicNow() - startedAt);
  const isGivenBack = leftMs > 0 ? await (holds?.calls.giveBack(leftMs) ?? true) : true;
  return isDelivered && isGivenBack;
}

/** Says that usage events are not delivered at the end, and what becomes of them. */
export function reportLeft(config: Config, outbox: Outbox, log: Log): void {
  const left = outbox.depth();
  if (left === 0) return;
  const what = left === 1 ? 'one usage event is' : `${left} usage events are`;
  if (config.cacheDir !== undefined) log.info(`${what} not delivered yet and left to the next process`);
  else log.warn(`${what} not delivered and lost with this process; REVENIUM_CACHE_DIR would keep such events`);
}

function openCache(
  config: Config,
  runtime: Runtime,
  credentials: () => Credentials | undefined,
  capabilities: Capabilities,
  bypass: BypassSwitch,
): EnforcementCache {
  return createEnforcementCache({
    runtime,
    credentials: createFeedCredentials(config, runtime, credentials),
    baseUrl: config.enforcementBaseUrl,
    pollIntervalMs: config.pollIntervalMs,
    capabilities,
    onBypass: (operators) => bypass.setOperators(operators),
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
  capabilities: Capabilities,
): Delivery {
  const endpoint = new URL(config.meteringBaseUrl);
  return createDelivery({
    outbox,
    runtime,
    endpoint: () => endpoint,
    credentials,
    capabilities,
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

function openRefusals(
  config: Config,
  runtime: Runtime,
  credentials: () => Credentials | undefined,
  cache: EnforcementCache | undefined,
  capabilities: Capabilities,
): RefusalReporter {
  return new RefusalReporter({
    runtime,
    endpoint: new URL(config.meteringBaseUrl),
    credentials,
    capabilities,
    userAgent: `fusewire/${VERSION}`,
    timeoutMs: config.timeoutMs,
    connectTimeoutMs: config.connectTimeoutMs,
    revision: () => cache?.current()?.revision,
  });
}
