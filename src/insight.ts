/** What an instance keeps and shows of its calls beside their usage: captured prompts, the terminal summary. */
import { capturePrompts } from './capture/capture-prompts.js';
import type { Config } from './config.js';
import type { Credentials } from './credentials.js';
import type { TraceSource } from './metadata/trace-context.js';
import type { AttemptObserver, AttemptSink, AttemptWatch } from './metering/attempt.js';
import { managementUrl, resourceOf } from './metering/metering-url.js';
import { createPoster, type Poster } from './metering/poster.js';
import type { Runtime } from './runtime.js';
import { TerminalSummary } from './summary/terminal-summary.js';
import { OpenTelemetryObserver } from './telemetry/open-telemetry.js';
import { TelemetryFinder } from './telemetry/telemetry-api.js';
import { VERSION } from './version.js';
import { isRecord } from './wire/is-record.js';
import type { UsageEvent } from './wire/usage-event.js';

/** What the book of an instance needs of it, and its end. */
export interface Insight extends Pick<AttemptSink, 'observer' | 'capture'> {
  /** The trace of OpenTelemetry's active span; absent where OpenTelemetry is switched off. */
  readonly traceSource: TraceSource | undefined;
  /** Shows what still waits. Synchronous: for the end of the process. */
  flush(): void;
  close(): Promise<void>;
}

const LOOKUP_BYTES_MAX = 256 * 1024;

/** Creates it. */
export function createInsight(config: Config, runtime: Runtime, credentials: () => Credentials | undefined): Insight {
  const finder = config.openTelemetry ? new TelemetryFinder() : undefined;
  const telemetry = finder === undefined ? [] : [new OpenTelemetryObserver(finder, runtime.log)];
  const settings = { enabled: config.capturePrompts, sizeMax: config.maxPromptSize };
  const lookup = config.printSummary === undefined ? undefined : new CostLookup(config, runtime, credentials);
  const summary =
    lookup === undefined || config.printSummary === undefined
      ? undefined
      : new TerminalSummary({
          runtime,
          form: config.printSummary,
          print: runtime.print,
          teamId: () => credentials()?.teamId,
          lookUpCost: (event, teamId) => lookup.costOf(event, teamId),
        });
  return {
    traceSource: finder === undefined ? undefined : () => finder.activeTraceId(),
    observer: observers([...telemetry, ...(summary === undefined ? [] : [summary])]),
    capture: (request, reading, metadata) => capturePrompts(request, reading, metadata.fields.capturePrompts, settings),
    flush: () => summary?.flush(),
    async close() {
      summary?.flush();
      await lookup?.close();
    },
  };
}

/** Several observers as one; `undefined` where there is none, so that calls pay nothing for it. */
function observers(all: readonly AttemptObserver[]): AttemptObserver | undefined {
  if (all.length < 2) return all[0];
  return {
    refused(request, metadata, decision) {
      for (const one of all) one.refused(request, metadata, decision);
    },
    began(attempt, metadata, decision) {
      const watches = all
        .map((one) => one.began(attempt, metadata, decision))
        .filter((watch): watch is AttemptWatch => watch !== undefined);
      return {
        metered(event, end) {
          for (const watch of watches) watch.metered(event, end);
        },
        withdrawn() {
          for (const watch of watches) watch.withdrawn();
        },
      };
    },
  };
}

/** Asks the service what an event cost (contract 5.11). Its requests never hold the process. */
class CostLookup {
  readonly #config: Config;
  readonly #credentials: () => Credentials | undefined;
  readonly #poster: Poster;
  readonly #closed = new AbortController();

  constructor(config: Config, runtime: Runtime, credentials: () => Credentials | undefined) {
    this.#config = config;
    this.#credentials = credentials;
    const { connectTimeoutMs, timeoutMs } = config;
    this.#poster = createPoster({ runtime, connections: 1, connectTimeoutMs, timeoutMs });
  }

  async costOf(event: UsageEvent, teamId: string): Promise<number | undefined> {
    const known = this.#credentials();
    if (known === undefined) return undefined;
    const url = managementUrl(
      new URL(this.#config.meteringBaseUrl),
      `sources/metrics/${resourceOf(event.operationType)}`,
    );
    url.searchParams.set('teamId', teamId);
    url.searchParams.set('transactionId', event.transactionId);
    const headers = {
      'x-api-key': known.apiKey.reveal(),
      accept: 'application/json',
      'user-agent': `fusewire/${VERSION}`,
    };
    const target = { origin: url.origin, path: `${url.pathname}${url.search}`, method: 'GET' } as const;
    const answer = await this.#poster.post(target, headers, '', this.#closed.signal, LOOKUP_BYTES_MAX);
    if (answer.kind !== 'answer' || answer.status < 200 || answer.status >= 300) return undefined;
    return costIn(JSON.parse(answer.body));
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#poster.close();
  }
}

/** `_embedded.<some list>[0].totalCost`. */
function costIn(body: unknown): number | undefined {
  const embedded = isRecord(body) ? body['_embedded'] : undefined;
  const list = isRecord(embedded) ? Object.values(embedded).find(Array.isArray) : undefined;
  const row: unknown = list?.[0];
  const cost = isRecord(row) ? row['totalCost'] : undefined;
  return typeof cost === 'number' && Number.isFinite(cost) ? cost : undefined;
}
