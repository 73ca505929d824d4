/** A server that speaks Anthropic's protocol, Bedrock's and Vertex AI's, and answers by the request; on 127.0.0.1. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as tick } from 'node:timers/promises';
import { exceptionFrame, type Fields, frameOf, messageEvents, sseOf, wholeMessage } from './stub-anthropic-answers.js';

/** How the next request goes wrong. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string }
  /** Never answers. */
  | 'hang'
  /** Sends four events, then waits for the client to go. */
  | 'hold'
  /** Breaks the connection in the middle of the answer. */
  | 'cut'
  | 'error-inside'
  | 'no-stop'
  /** One byte a packet, as far as the network lets it. */
  | 'bytes';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Fields;
  readonly text: string;
}

const RESULTS_TYPE = 'application/x-jsonl';

export interface StubAnthropic {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** Taken in order, one a request. */
  readonly faults: Fault[];
  /** Streams end, cleanly, after so many bytes. */
  cutAfterBytes: number | undefined;
  /** What the results of every batch are, a line each. */
  batchResults: readonly Fields[];
  /** As what they are served. */
  batchResultsType: string;
  /** Headers of every plain answer. */
  headers: Record<string, string>;
  reset(): void;
  close(): Promise<void>;
}

/** What the strict server takes; anything else is a 400. */
const ALLOWED = new Set([
  ...['model', 'messages', 'max_tokens', 'stream', 'system', 'temperature', 'tools', 'tool_choice', 'metadata'],
  ...['service_tier', 'speed', 'output_config', 'output_format', 'thinking', 'thread', 'requests', 'prompt'],
  ...['max_tokens_to_sample', 'anthropic_version', 'anthropic_beta', 'stop_sequences'],
]);

/** Starts the server. Ids are unique within it. */
export async function startStubAnthropic(): Promise<StubAnthropic> {
  const stub = new Stub();
  const server = createServer((request, response) => void stub.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(stub, {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

class Stub {
  readonly requests: SeenRequest[] = [];
  readonly faults: Fault[] = [];
  cutAfterBytes: number | undefined;
  batchResults: readonly Fields[] = [];
  batchResultsType = RESULTS_TYPE;
  headers: Record<string, string> = {};
  #count = 0;

  reset(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.cutAfterBytes = undefined;
    this.batchResults = [];
    this.batchResultsType = RESULTS_TYPE;
    this.headers = {};
    this.#count = 0;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const body = (text === '' ? {} : JSON.parse(text)) as Fields;
    const method = request.method ?? '';
    const url = request.url ?? '';
    this.requests.push({ method, path: url, body, text });
    const fault = this.faults.shift();
    if (fault === 'hang') return;
    if (typeof fault === 'object') {
      const error = { type: 'error', error: { type: 'stub_error', message: fault.message ?? 'stub fault' } };
      sendJson(response, fault.status, error, fault.headers);
      return;
    }
    const unknown = Object.keys(body).find((name) => !ALLOWED.has(name));
    if (unknown !== undefined) {
      const message = `${unknown}: Extra inputs are not permitted`;
      sendJson(response, 400, { type: 'error', error: { type: 'invalid_request_error', message } });
      return;
    }
    await this.#answer(response, method, url.replace(/\?.*$/s, ''), body, fault);
  }

  async #answer(response: ServerResponse, method: string, path: string, body: Fields, fault: Fault | undefined) {
    const inPath = /\/models?\/([^/]+?)(?:\/|:)(invoke|invoke-with-response-stream|rawPredict|streamRawPredict)$/;
    const [, model, verb] = inPath.exec(path) ?? [];
    if (verb !== undefined || path.endsWith('/v1/messages')) {
      this.#count += 1;
      const id = `msg_${this.#count}`;
      const asked = model === undefined ? body : { ...body, model: decodeURIComponent(model) };
      const framed = verb?.startsWith('invoke') === true;
      const streams = verb === 'invoke-with-response-stream' || body['stream'] === true;
      if (streams) await this.#stream(response, messageEvents(id, asked), framed, fault);
      else if (fault === 'cut') cutOff(response, 'application/json', Buffer.from('{"id":"msg'));
      else sendJson(response, 200, wholeMessage(id, asked), this.headers);
    } else if (path.endsWith('/results')) {
      response.writeHead(200, { 'content-type': this.batchResultsType });
      for (const line of this.batchResults) response.write(`${JSON.stringify(line)}\n`);
      response.end();
    } else if (path.includes('/messages/batches')) {
      sendJson(response, 200, this.#batch(path));
    } else if (path.endsWith('/count_tokens')) {
      sendJson(response, 200, { input_tokens: 21 });
    } else if (path.endsWith('/complete')) {
      const completion = { id: 'compl_1', type: 'completion', completion: ' Blue.', stop_reason: 'stop_sequence' };
      sendJson(response, 200, { ...completion, model: body['model'] });
    } else sendJson(response, 200, method === 'GET' ? { data: [], has_more: false } : { id: 'x' });
  }

  #batch(path: string): Fields {
    const id = /batches\/([^/]+)/.exec(path)?.[1] ?? 'msgbatch_1';
    return {
      id,
      type: 'message_batch',
      processing_status: path.includes(id) ? 'ended' : 'in_progress',
      created_at: '2026-11-20T08:00:00.000Z',
      ended_at: path.includes(id) ? '2026-11-20T09:30:00.000Z' : null,
      results_url: `${Reflect.get(this, 'url')}/v1/messages/batches/${id}/results`,
    };
  }

  async #stream(response: ServerResponse, events: Fields[], framed: boolean, fault: Fault | undefined) {
    const type = framed ? 'application/vnd.amazon.eventstream' : 'text/event-stream; charset=utf-8';
    const bytesOf = framed ? frameOf : sseOf;
    const sent = fault === 'no-stop' ? events.slice(0, -2) : events;
    const pieces = sent.map(bytesOf);
    if (fault === 'hold' || fault === 'cut' || fault === 'error-inside') pieces.length = 5;
    if (fault === 'error-inside') pieces.push(framed ? THROTTLED : sseOf(OVERLOADED));
    const bytes = Buffer.concat(pieces);
    if (fault === 'cut') {
      cutOff(response, type, bytes);
      return;
    }
    response.writeHead(200, { 'content-type': type });
    if (fault === 'hold') {
      response.write(bytes);
      return;
    }
    if (fault === 'bytes') {
      for (const byte of bytes) {
        response.write(Buffer.from([byte]));
        await tick();
      }
      response.end();
      return;
    }
    response.end(bytes.subarray(0, this.cutAfterBytes ?? bytes.length));
  }
}

const OVERLOADED = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
const THROTTLED = exceptionFrame('throttlingException', 'Too many tokens');

/** Promises more than it sends, and breaks. */
function cutOff(response: ServerResponse, type: string, bytes: Buffer): void {
  response.writeHead(200, { 'content-type': type, 'content-length': String(bytes.length + 1000) });
  response.write(bytes, () => setImmediate(() => response.destroy()));
}

function sendJson(response: ServerResponse, status: number, body: Fields, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
