/**
 * What probes of load balancers and people ask, without a key: whether it serves, and what was looked at to say so. Words
 * only: no addresses, versions or texts of errors, for everybody can read them.
 */
import type { Log, Runtime } from 'fusewire/internal';
import { createProbe, type ProbeResult } from '../../http/probe.js';

/** What {@link createHealth} looks at. */
export interface HealthParts {
  readonly runtime: Pick<Runtime, 'now' | 'monotonicNow' | 'setTimer'>;
  readonly log: Log;
  /** Resolves when the store took a write. */
  readonly probeStore: () => Promise<unknown>;
  /** Whether calls can be metered: a text says what is wrong (`GatewayBooks.trouble`). */
  readonly trouble: () => string | undefined;
  /** Usage events that could not be recorded (`GatewayBooks.deadLetters`). */
  readonly deadLetters: () => number;
  /** Resolves when Ollama answered; absent: it is not configured. */
  readonly probeOllama?: (() => Promise<unknown>) | undefined;
  /** Names of all upstreams that are configured. */
  readonly upstreams: readonly string[];
}

/** An answer that is ready to be written. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: Readonly<Record<string, unknown>> | string;
}

/** Answers each of the health surfaces, by its name. */
export type Health = (surfaceName: string) => HealthAnswer | Promise<HealthAnswer>;

const STORE_LIMIT_MS = 2_000;
const OLLAMA_LIMIT_MS = 5_000;
/** For so long an outcome holds, good or bad: this cannot be used to keep a store or Ollama busy. */
const HOLDS_MS = 1_000;

/** Makes it. */
export function createHealth(parts: HealthParts): Health {
  const { runtime, probeOllama } = parts;
  const store = createProbe(parts.probeStore, runtime, { limitMs: STORE_LIMIT_MS, holdsMs: HOLDS_MS });
  const ollama =
    probeOllama === undefined
      ? undefined
      : createProbe(probeOllama, runtime, { limitMs: OLLAMA_LIMIT_MS, holdsMs: HOLDS_MS });
  const metering = createMeteringCheck(parts);
  const time = () => new Date(runtime.now()).toISOString();
  return (name) => {
    switch (name) {
      case 'ping':
        return { status: 200, body: 'Fusewire is running' };
      case 'health.alive':
        return { status: 200, body: { status: 'ok' } };
      case 'health.ready':
        return store().then((found) => readiness(found, metering()));
      case 'health.ollama':
        return ollamaHealth(ollama, runtime, time());
      default: {
        const { upstreams, deadLetters } = parts;
        return wholeHealth({ store, ollama, metering, deadLetters, upstreams, runtime, timestamp: time() });
      }
    }
  };
}

type Probe = () => Promise<ProbeResult>;
type Clock = Pick<Runtime, 'monotonicNow'>;

/** What is wrong is for the log, once for each new reason; callers only hear that something is. */
function createMeteringCheck({ trouble, log }: HealthParts): () => 'ok' | 'trouble' {
  let last: string | undefined;
  return () => {
    const reason = trouble();
    if (reason !== undefined && reason !== last) log.warn('the gateway lets no calls through', { reason });
    last = reason;
    return reason === undefined ? 'ok' : 'trouble';
  };
}

function readiness({ outcome }: ProbeResult, metering: 'ok' | 'trouble'): HealthAnswer {
  if (outcome === 'ok' && metering === 'ok') return { status: 200, body: { status: 'ready' } };
  return { status: 503, body: { status: 'not ready', store: outcome, metering } };
}

async function ollamaHealth(probe: Probe | undefined, clock: Clock, timestamp: string): Promise<HealthAnswer> {
  if (probe === undefined) {
    return { status: 503, body: { status: 'not configured', service: 'ollama', timestamp } };
  }
  const found = await probe();
  const ok = found.outcome === 'ok';
  const status = ok ? 'healthy' : 'unavailable';
  return { status: ok ? 200 : 503, body: { status, service: 'ollama', ...check(found, clock), timestamp } };
}

interface WholeHealthParts {
  readonly store: Probe;
  readonly ollama: Probe | undefined;
  readonly metering: () => 'ok' | 'trouble';
  readonly deadLetters: () => number;
  readonly upstreams: readonly string[];
  readonly runtime: Clock;
  readonly timestamp: string;
}

/** 503 only where no call at all could be served: Ollama alone counts where it is the only upstream. */
async function wholeHealth({
  store,
  ollama,
  metering,
  deadLetters,
  upstreams,
  runtime,
  timestamp,
}: WholeHealthParts): Promise<HealthAnswer> {
  const [storeFound, ollamaFound] = await Promise.all([store(), ollama?.()]);
  const meteringFound = metering();
  const isOllamaFine = ollamaFound === undefined || ollamaFound.outcome === 'ok';
  const canServe =
    storeFound.outcome === 'ok' &&
    meteringFound === 'ok' &&
    upstreams.length > 0 &&
    (isOllamaFine || upstreams.length > 1);
  const isRecorded = deadLetters() === 0;
  const status = !canServe ? 'unavailable' : isOllamaFine && isRecorded ? 'healthy' : 'degraded';
  const checks = {
    store: check(storeFound, runtime),
    metering: { result: meteringFound },
    ...(isRecorded ? {} : { recording: { result: 'dead letters' } }),
    ...(ollamaFound === undefined ? {} : { ollama: check(ollamaFound, runtime) }),
  };
  return { status: canServe ? 200 : 503, body: { status, service: 'gateway', checks, upstreams, timestamp } };
}

function check({ outcome, atMs }: ProbeResult, clock: Clock): { result: string; checkedMsAgo: number } {
  return { result: outcome, checkedMsAgo: Math.max(0, Math.round(clock.monotonicNow() - atMs)) };
}
