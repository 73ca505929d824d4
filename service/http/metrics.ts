/** What Prometheus reads at `/metrics`. Labels have few values: routes and codes, never teams, keys, models or people (I10). */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Counters of one service. */
export interface Metrics {
  /** One answered request; `route` is the pattern, never the path. */
  request(route: string, method: string, status: number, seconds: number): void;
  /** One request that was refused before its handler ran, by the code of its answer. */
  refused(code: string): void;
  /** Usage events, by what became of them: `stored`, `duplicate`, `conflict`, `replayed`, `mismatch`, `invalid`. */
  events(outcome: string, count: number): void;
  /** Calls that SDKs refused, as they report them. */
  refusedCalls(count: number): void;
  /** Any other number, asked for when it is read. */
  gauge(name: string, help: string, read: () => number): void;
  /** Any other count. */
  counter(name: string, help: string): { add(count?: number): void };
  /** Where other parts of the process register what they count. */
  readonly registry: Registry;
  /** The text that Prometheus reads, and its content type. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Makes them. `processMetrics`: with those of the process (CPU, memory, event loop); once a process. */
export function createMetrics(options: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'fusewire_http_request_duration_seconds',
    help: 'Answered requests by route pattern, method and status class',
    labelNames: ['route', 'method', 'status'],
    buckets: BUCKETS_S,
    registers,
  });
  const labelled = (name: string, help: string, label: string) =>
    new Counter({ name, help, labelNames: [label], registers });
  const refusals = labelled('fusewire_http_refused_total', 'Requests that were refused, by code', 'code');
  const events = labelled('fusewire_events_total', 'Usage events by what became of them', 'outcome');
  const refusedCalls = new Counter({
    name: 'fusewire_refused_calls_total',
    help: 'Calls that SDKs refused, as they report them',
    registers,
  });
  return {
    registry,
    request(route, method, status, seconds) {
      requests.observe({ route, method, status: `${Math.floor(status / 100)}xx` }, seconds);
    },
    refused: (code) => refusals.inc({ code }),
    events: (outcome, count) => events.inc({ outcome }, count),
    refusedCalls: (count) => refusedCalls.inc(count),
    gauge(name, help, read) {
      const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(read()) });
    },
    counter(name, help) {
      const counter = new Counter({ name, help, registers });
      return { add: (count = 1) => counter.inc(count) };
    },
    async text() {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
