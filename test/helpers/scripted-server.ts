/** A provider on 127.0.0.1 whose answers the test writes: JSON or events, cut after any of them, held, or never given. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** One answer. With `events` it is an event stream; `cutAfter` breaks the connection behind so many of them. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly text?: string;
  readonly events?: readonly unknown[];
  readonly cutAfter?: number;
  /** Waits for `release()` behind so many events. */
  readonly holdAfter?: number;
  /** Answers nothing at all. */
  readonly hangs?: boolean;
}

export interface ScriptedServer {
  readonly url: string;
  readonly requests: ScriptedRequest[];
  /** Taken first, one a request; then the server's own script answers. */
  readonly next: ScriptedAnswer[];
  release(): void;
  close(): Promise<void>;
}

export async function startScriptedServer(
  script: (request: ScriptedRequest) => ScriptedAnswer,
): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const next: ScriptedAnswer[] = [];
  const held: (() => void)[] = [];
  const server = createServer(async (message, response) => {
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const path = (message.url ?? '').replace(/\?.*$/s, '');
    const request = { method: message.method ?? '', path, headers: message.headers, body: fieldsOf(text), text };
    requests.push(request);
    await answer(response, next.shift() ?? script(request), held);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const release = () => {
    for (const go of held.splice(0)) go();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    next,
    release,
    async close() {
      release();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(response: ServerResponse, given: ScriptedAnswer, held: (() => void)[]): Promise<void> {
  const { status = 200, headers = {}, events, json, text, cutAfter, holdAfter } = given;
  if (given.hangs === true) return;
  if (events === undefined) {
    const body = text ?? JSON.stringify(json);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    if (cutAfter === undefined) response.end(body);
    else response.write(body.slice(0, cutAfter), () => response.destroy());
    return;
  }
  response.writeHead(status, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
  for (const [at, event] of events.entries()) {
    if (at === holdAfter) await new Promise<void>((go) => held.push(go));
    if (at === cutAfter) return cut(response);
    const name = (event as { type?: unknown }).type;
    const head = typeof name === 'string' ? `event: ${name}\r\n` : '';
    await new Promise((go) => response.write(`${head}data: ${JSON.stringify(event)}\r\n\r\n`, go));
  }
  if (cutAfter === events.length) return cut(response);
  response.end('data: [DONE]\r\n\r\n');
}

/** What was written is given time to arrive: a reset may overtake it. */
function cut(response: ServerResponse): void {
  setImmediate(() => response.socket?.end());
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
