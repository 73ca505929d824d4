/**
 * The gateway's part of `/metrics`. Counted in plain numbers and handed to Prometheus when it asks: a request costs some
 * additions, not a look into a table of labels. Labels have few values: surfaces, classes of status, codes (I10).
 */
import { Counter, Histogram } from 'prom-client';
import type { Metrics } from '../../http/metrics.js';

/** What became of an answer whose caller had left: read on to its end, cut on the way, or aborted at once. */
export type DrainOutcome = 'read' | 'cut' | 'aborted';

/** Why an upstream gave no answer, or which class of error it answered with. */
export type UpstreamTrouble = 'connect' | 'timeout' | 'broken' | '4xx' | '5xx';

/** Counters of one gateway. */
export interface GatewayMetrics {
  /** One request that is over. No `surface`: an unknown path. No `status`: the client left before it was answered. */
  request(surface: string | undefined, status: number | undefined): void;
  /** The client left in the middle of its answer. */
  clientLeft(): void;
  /** A call that was not let through, by the code of its refusal. This and the next two are counted by the listener. */
  refused(code: string): void;
  /** A key that was not accepted, by the code of the answer. */
  unauthenticated(code: string): void;
  /** Any other answer of our own that was no success, by its code. */
  failed(code: string): void;
  upstreamTrouble(upstream: string, trouble: UpstreamTrouble): void;
  drained(outcome: DrainOutcome): void;
  /** Bytes of bodies: what callers sent, what was answered. */
  bytes(fromCallers: number, toCallers: number): void;
  /** Time from a whole request until it was sent on. */
  own(ms: number): void;
  /** A connection that was closed because there are too many. */
  droppedConnection(): void;
  /** A connection whose bytes were no request, by what it was told. */
  brokenConnection(code: string): void;
  /** Numbers that are asked for when they are read. */
  connections(read: () => number): void;
  callsUnderWay(read: () => number): void;
  deadLetters(read: () => number): void;
}

const OWN_BUCKETS_S = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1];
/** Of one counter; codes and names are closed lists, and this holds if one turns out not to be. */
const LABELS_MAX = 200;

/** Makes them, in the registry of the service whose port shows them. Once per registry. */
export function createGatewayMetrics({ registry, gauge, counter }: Metrics): GatewayMetrics {
  const tally = (name: string, help: string, labels: readonly string[]) => new Tally(registry, name, help, labels);
  const requests = tally('fusewire_gateway_requests_total', 'Requests by surface and status class', [
    'surface',
    'status',
  ]);
  const refusals = tally('fusewire_gateway_refusals_total', 'Calls that were not let through, by code', ['code']);
  const denied = tally('fusewire_gateway_auth_failures_total', 'Requests without a key that works, by code', ['code']);
  const failures = tally('fusewire_gateway_failures_total', 'Other requests that were not served, by code', ['code']);
  const upstream = tally('fusewire_gateway_upstream_errors_total', 'Upstream errors by kind', ['upstream', 'kind']);
  const drains = tally('fusewire_gateway_drains_total', 'Answers whose caller left, by what became of them', [
    'outcome',
  ]);
  const bodies = tally('fusewire_gateway_bytes_total', 'Bytes of bodies', ['direction']);
  const broken = tally('fusewire_gateway_broken_connections_total', 'Connections that sent no request', ['code']);
  const left = counter('fusewire_gateway_clients_left_total', 'Clients that left in the middle of their answer');
  const dropped = counter(
    'fusewire_gateway_connections_dropped_total',
    'Connections closed because there are too many',
  );
  const own = new Histogram({
    name: 'fusewire_gateway_own_seconds',
    help: 'Time from a whole request until it was sent on',
    buckets: OWN_BUCKETS_S,
    registers: [registry],
  });
  return {
    request: (surface, status) => requests.add(1, surface ?? 'unknown', statusClass(status)),
    clientLeft: () => left.add(),
    refused: (code) => refusals.add(1, code),
    unauthenticated: (code) => denied.add(1, code),
    failed: (code) => failures.add(1, code),
    upstreamTrouble: (name, trouble) => upstream.add(1, name, trouble),
    drained: (outcome) => drains.add(1, outcome),
    bytes(fromCallers, toCallers) {
      bodies.add(fromCallers, 'from_callers');
      bodies.add(toCallers, 'to_callers');
    },
    own: (ms) => own.observe(ms / 1_000),
    droppedConnection: () => dropped.add(),
    brokenConnection: (code) => broken.add(1, code),
    connections: (read) => gauge('fusewire_gateway_connections', 'Open connections of callers', read),
    callsUnderWay: (read) => gauge('fusewire_gateway_calls_under_way', 'Calls under way', read),
    deadLetters: (read) => gauge('fusewire_gateway_dead_letters', 'Usage events that could not be recorded', read),
  };
}

const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

function statusClass(status: number | undefined): string {
  return status === undefined ? 'left' : (CLASSES[Math.floor(status / 100) - 1] ?? '5xx');
}

/** Counts in plain numbers by one or two labels. */
class Tally {
  readonly #counts = new Map<string, Map<string, number>>();
  #size = 0;

  constructor(registry: Metrics['registry'], name: string, help: string, labels: readonly string[]) {
    const counts = this.#counts;
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const [first, row] of counts) {
          for (const [second, count] of row) this.inc(labelsOf(labels, first, second), count);
        }
      },
    });
  }

  add(count: number, first: string, second = ''): void {
    const row = this.#counts.get(first);
    const known = row?.get(second);
    if (row !== undefined && known !== undefined) row.set(second, known + count);
    else if (this.#size < LABELS_MAX) this.#begin(first, second, count);
    else if (first !== 'other') this.add(count, 'other', second === '' ? '' : 'other');
    else this.#begin(first, second, count);
  }

  #begin(first: string, second: string, count: number): void {
    this.#size += 1;
    const row = this.#counts.get(first);
    if (row === undefined) this.#counts.set(first, new Map([[second, count]]));
    else row.set(second, count);
  }
}

function labelsOf(names: readonly string[], first: string, second: string): Record<string, string> {
  const [one = '', two] = names;
  return two === undefined ? { [one]: first } : { [one]: first, [two]: second };
}
