// Drives an ingest route: plain sockets that each wait for an answer before they ask again. Parses as little as it can,
// since it shares the machine with what it measures.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** What is sent, and for how long. */
export interface Load {
  readonly url: string;
  readonly key: string;
  readonly connections: number;
  readonly durationMs: number;
  /** Events a request; 1 goes to the completions route, more to the batch route. */
  readonly batch: number;
}

/** What came of it. */
export interface LoadResult {
  readonly events: number;
  readonly seconds: number;
  /** Milliseconds of each request, ascending. */
  readonly latencies: readonly number[];
}

const EVENT = {
  model: 'gpt-4o-mini',
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  costType: 'AI',
  operationType: 'CHAT',
  stopReason: 'END',
  isStreamed: false,
  inputTokenCount: 812,
  outputTokenCount: 96,
  totalTokenCount: 908,
  reasoningTokenCount: 0,
  cacheCreationTokenCount: 0,
  cacheReadTokenCount: 512,
  requestDuration: 1180,
  timeToFirstToken: 0,
  middlewareSource: 'fusewire-node',
  organizationName: 'acme',
  productName: 'support',
  agent: 'triage',
  taskType: 'summarise',
  traceId: 'conversation-71',
  environment: 'production',
};
const HEAD = /content-length: (\d+)/i;
const SUBSCRIBERS = 500;

let sent = 0;
const prefix = randomBytes(6).toString('hex');

/** An event as a middleware sends it, and its transaction id. */
export function nextEvent(): { readonly id: string; readonly text: string } {
  sent += 1;
  // Ids of providers are random, which is what an index over them meets.
  const id = `chatcmpl-${((sent * 2_654_435_761) % 4_294_967_296).toString(36)}${prefix}${sent.toString(36)}`;
  const at = new Date().toISOString();
  const user = sent % SUBSCRIBERS;
  const own = `"transactionId":"${id}","requestTime":"${at}","completionStartTime":"${at}","responseTime":"${at}"`;
  const subscriber = `"subscriber":{"id":"u-${user}","email":"user${user}@example.org"}`;
  return { id, text: `{${own},${subscriber},${FIXED.slice(1)}` };
}

const FIXED = JSON.stringify(EVENT);

function nextRequest({ key, batch }: Load, host: string): string {
  if (batch === 1) {
    const { id, text } = nextEvent();
    const headers = `content-type: application/json\r\ncontent-length: ${text.length}\r\nidempotency-key: ${id}`;
    return `POST /meter/v2/ai/completions HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${key}\r\n${headers}\r\n\r\n${text}`;
  }
  const items = Array.from({ length: batch }, () => {
    const { id, text } = nextEvent();
    return `{"type":"ai/completions","idempotencyKey":"${id}","event":${text}}`;
  });
  const text = `[${items.join(',')}]`;
  const headers = `content-type: application/json\r\ncontent-length: ${text.length}`;
  return `POST /meter/v2/batch HTTP/1.1\r\nhost: ${host}\r\nx-api-key: ${key}\r\n${headers}\r\n\r\n${text}`;
}

/** Sends until the time is over, then waits for the answers that are under way. @throws Error on any answer but success */
export async function drive(load: Load): Promise<LoadResult> {
  const { hostname, port, host } = new URL(load.url);
  const latencies: number[] = [];
  const started = performance.now();
  const until = started + load.durationMs;
  const lane = async (): Promise<void> => {
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    try {
      while (performance.now() < until) {
        const request = nextRequest(load, host);
        const from = performance.now();
        await exchange(socket, request);
        latencies.push(performance.now() - from);
      }
    } finally {
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: load.connections }, lane));
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  return { events: latencies.length * load.batch, seconds, latencies };
}

function exchange(socket: Socket, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    let wanted = -1;
    const done = (error?: Error): void => {
      socket.removeAllListeners('data');
      socket.removeAllListeners('error');
      socket.removeAllListeners('close');
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (wanted < 0) {
        const end = text.indexOf('\r\n\r\n');
        if (end < 0) return;
        wanted = end + 4 + Number(HEAD.exec(text)?.[1] ?? Number.NaN);
        if (!/^HTTP\/1\.1 20[01]/.test(text)) return done(new Error(`the service answered ${text.slice(0, 400)}`));
      }
      if (text.length >= wanted) done();
    });
    socket.on('error', done);
    socket.on('close', () => done(new Error('the service closed the connection')));
    socket.write(request, 'latin1');
  });
}

/** The value below which a share of a sorted list lies. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
