/** A server that speaks OpenAI's protocol and answers by the request; on 127.0.0.1, with faults on demand. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  chatChunks,
  compaction,
  completionChunks,
  embeddings,
  type Fields,
  responseEvents,
  response as responseObject,
  wholeChat,
  wholeCompletion,
} from './stub-provider-answers.js';
import { mediaAnswer } from './stub-provider-media.js';

/** How the next request goes wrong. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly message?: string }
  /** Never answers. */
  | 'hang'
  /** Sends the head and two events, then waits for `release`. */
  | 'hold'
  /** Breaks the connection in the middle of the answer. */
  | 'cut'
  | 'error-inside'
  | 'no-done'
  | 'crlf'
  | 'comments'
  /** One byte a packet, as far as the network lets it. */
  | 'bytes';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Fields;
  readonly text: string;
  /** The client closed the connection before the answer's end. */
  readonly aborted: Promise<void>;
}

export interface StubProvider {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** Taken in order, one a request; `undefined` lets one pass. */
  readonly faults: (Fault | undefined)[];
  /** Streams send events in packets of so many bytes; 0: one packet an event. */
  packetBytes: number;
  release(): void;
  /** Forgets everything, ids too: the next answers are those of a new server. */
  reset(): void;
  close(): Promise<void>;
}

const COMMON = ['model', 'stream', 'user', 'temperature', 'tools', 'tool_choice', 'metadata', 'parallel_tool_calls'];
/** What the strict server takes; anything else is a 400, as at OpenAI. */
const ALLOWED: Record<string, readonly string[]> = {
  '/chat/completions': [
    ...COMMON,
    'messages',
    'n',
    'stream_options',
    'response_format',
    'max_tokens',
    'max_completion_tokens',
  ],
  '/responses': [...COMMON, 'input', 'instructions', 'background', 'text', 'store'],
  '/embeddings': ['model', 'input', 'encoding_format', 'dimensions', 'user'],
  '/completions': [...COMMON, 'prompt', 'stream_options', 'suffix', 'n', 'max_tokens', 'max_completion_tokens'],
};

/** Starts the server. Ids are unique within it; a background response is done at its second poll. */
export async function startStubProvider(): Promise<StubProvider> {
  const stub = new Stub();
  const server = createServer((request, response) => void stub.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(stub, {
    url: `http://127.0.0.1:${port}`,
    async close() {
      stub.releaseAll();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

class Stub {
  readonly requests: SeenRequest[] = [];
  readonly faults: (Fault | undefined)[] = [];
  packetBytes = 0;
  readonly #held: (() => void)[] = [];
  readonly #background = new Map<string, { body: Fields; polls: number }>();
  #count = 0;

  release(): void {
    this.#held.shift()?.();
  }

  reset(): void {
    this.releaseAll();
    this.requests.length = 0;
    this.faults.length = 0;
    this.packetBytes = 0;
    this.#background.clear();
    this.#count = 0;
  }

  releaseAll(): void {
    for (const go of this.#held.splice(0)) go();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const aborted = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      });
    });
    const body = isMultipart(request) ? formFields(text) : parseFields(text);
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    const method = request.method ?? '';
    this.requests.push({ method, path: request.url ?? '', headers: request.headers, body, text, aborted });
    const fault = this.faults.shift();
    if (fault === 'hang') return;
    if (typeof fault === 'object') {
      sendJson(response, fault.status, { error: { message: fault.message ?? 'stub fault' } }, fault.headers);
      return;
    }
    const azure = path.includes('/openai/deployments/');
    const endpoint = path.replace(/^\/openai\/deployments\/[^/]+|^\/(openai\/)?v1|^\/openai/, '');
    if (method === 'POST' && !isMultipart(request)) {
      const unknown = Object.keys(body).find((name) => ALLOWED[endpoint]?.includes(name) === false);
      if (unknown !== undefined) {
        const error = { message: `Unrecognized request argument supplied: ${unknown}`, type: 'invalid_request_error' };
        sendJson(response, 400, { error });
        return;
      }
    }
    await this.#answer(response, method, endpoint, body, fault, azure);
  }

  async #answer(
    response: ServerResponse,
    method: string,
    endpoint: string,
    body: Fields,
    fault: Fault | undefined,
    azure: boolean,
  ): Promise<void> {
    this.#count += 1;
    const streamed = body['stream'] === true;
    const chatId = `chatcmpl-${this.#count}`;
    if (endpoint === '/chat/completions') {
      if (streamed) await this.#stream(response, chatChunks(chatId, body, azure), fault, true);
      else this.#whole(response, wholeChat(chatId, body), fault);
    } else if (endpoint === '/completions') {
      if (streamed) await this.#stream(response, completionChunks(`cmpl-${this.#count}`, body), fault, true);
      else this.#whole(response, wholeCompletion(`cmpl-${this.#count}`, body), fault);
    } else if (endpoint === '/embeddings') this.#whole(response, embeddings(body), fault);
    else if (endpoint === '/responses' && method === 'POST') await this.#responses(response, body, fault);
    else if (endpoint === '/responses/compact') {
      this.#whole(response, compaction(`resp_${this.#count}`), fault);
    } else if (endpoint.startsWith('/responses/')) this.#poll(response, endpoint.split('/')[2] ?? '');
    else await this.#media(response, method, endpoint, body, fault);
  }

  async #media(
    response: ServerResponse,
    method: string,
    endpoint: string,
    body: Fields,
    fault: Fault | undefined,
  ): Promise<void> {
    const answer = method === 'POST' ? mediaAnswer(endpoint, body, this.#count) : undefined;
    if (answer === undefined) this.#whole(response, { id: `x-${this.#count}`, object: 'stub', data: [] }, fault);
    else if (answer.kind === 'json') this.#whole(response, answer.body, fault);
    else if (answer.kind === 'events') await this.#stream(response, answer.events, fault, false);
    else {
      const [type, bytes] = answer.kind === 'text' ? ['text/plain', answer.text] : [answer.type, answer.bytes];
      response.writeHead(200, { 'content-type': type });
      response.end(bytes);
    }
  }

  async #responses(response: ServerResponse, body: Fields, fault: Fault | undefined): Promise<void> {
    const id = `resp_${this.#count}`;
    if (body['stream'] === true) {
      await this.#stream(response, responseEvents(id, body), fault, false);
      return;
    }
    if (body['background'] !== true) {
      this.#whole(response, responseObject(id, body, 'completed'), fault);
      return;
    }
    this.#background.set(id, { body, polls: 0 });
    this.#whole(response, responseObject(id, body, 'queued'), fault);
  }

  #poll(response: ServerResponse, id: string): void {
    const known = this.#background.get(id);
    if (known !== undefined) known.polls += 1;
    const status = known !== undefined && known.polls < 2 ? 'in_progress' : 'completed';
    sendJson(response, 200, responseObject(id, known?.body ?? { model: 'm' }, status));
  }

  #whole(response: ServerResponse, body: Fields, fault: Fault | undefined): void {
    if (fault !== 'cut') {
      sendJson(response, 200, body);
      return;
    }
    const text = JSON.stringify(body);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.write(text.slice(0, 40), () => response.destroy());
  }

  async #stream(
    response: ServerResponse,
    events: readonly Fields[],
    fault: Fault | undefined,
    done: boolean,
  ): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_1' });
    const end = fault === 'crlf' ? '\r\n' : '\n';
    let index = 0;
    for (const event of events) {
      if (index === 2 && fault === 'hold') await new Promise<void>((go) => this.#held.push(go));
      if (index === 2 && fault === 'error-inside') {
        const error = { message: 'the engine fell over', type: 'server_error', code: 'overloaded' };
        await this.#write(response, `data: ${JSON.stringify({ error })}${end}${end}`, fault);
        break;
      }
      if (index === 3 && fault === 'cut') {
        response.write('data: {"id":"chatcm', () => response.destroy());
        return;
      }
      const name = typeof event['type'] === 'string' ? `event: ${event['type']}${end}` : '';
      const comment = fault === 'comments' && index === 1 ? `: keep-alive${end}${end}: again${end}` : '';
      const space = fault === 'crlf' ? '' : ' ';
      await this.#write(response, `${comment}${name}data:${space}${JSON.stringify(event)}${end}${end}`, fault);
      index += 1;
    }
    if (done && fault !== 'no-done') await this.#write(response, `data: [DONE]${end}${end}`, fault);
    response.end();
  }

  async #write(response: ServerResponse, text: string, fault: Fault | undefined): Promise<void> {
    const bytes = Buffer.from(text);
    const size = fault === 'bytes' ? 1 : this.packetBytes || bytes.length;
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      if (size < bytes.length && at % (size * 16) === 0) await new Promise((go) => setImmediate(go));
    }
  }
}

function sendJson(response: ServerResponse, status: number, body: Fields, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1', ...headers });
  response.end(JSON.stringify(body));
}

function isMultipart(request: IncomingMessage): boolean {
  return request.headers['content-type']?.startsWith('multipart/') === true;
}

/** The text fields of a form; its files are left out. */
function formFields(text: string): Fields {
  const fields: Fields = {};
  for (const [, name = '', value] of text.matchAll(/name="([^"]+)"\r\n\r\n([\s\S]*?)\r\n--/g)) fields[name] = value;
  return fields;
}

function parseFields(text: string): Fields {
  try {
    return JSON.parse(text) as Fields;
  } catch {
    return {};
  }
}
