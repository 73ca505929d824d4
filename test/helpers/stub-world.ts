/** One server that is the providers, the metering API and the rule feed of a child process. On 127.0.0.1. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StubWorld {
  readonly url: string;
  /** Requests to a provider, in order. */
  readonly calls: { readonly path: string; readonly body: Record<string, unknown> }[];
  /** Usage events that were delivered. */
  readonly events: Record<string, unknown>[];
  /** What a child needs to meter here. */
  env(): Record<string, string>;
  /** What a child needs to be refused here: a tripped rule for everybody. */
  trippedEnv(): Record<string, string>;
  close(): Promise<void>;
}

const TRIPPED = {
  rules: [{ ruleId: 1, name: 'all', breached: true, action: 'BLOCK', currentValue: 11, threshold: 10 }],
};

export async function startStubWorld(): Promise<StubWorld> {
  const calls: StubWorld['calls'] = [];
  const events: StubWorld['events'] = [];
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const path = request.url ?? '';
    if (path.includes('/meter/v2/ai/')) {
      events.push(body);
      json(response, 201, { id: 'x', resourceType: 'metering' });
    } else if (path.includes('/enforcement-rules/')) json(response, 200, TRIPPED);
    else {
      calls.push({ path, body });
      answer(response, path, body);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = () => ({
    STUB_URL: url,
    OPENAI_API_KEY: 'sk-test',
    OPENAI_BASE_URL: `${url}/v1`,
    REVENIUM_METERING_API_KEY: 'hak_test',
    REVENIUM_METERING_BASE_URL: url,
    REVENIUM_LOG_LEVEL: 'WARNING',
  });
  return {
    url,
    calls,
    events,
    env,
    trippedEnv: () => ({ ...env(), REVENIUM_TEAM_ID: 'team', REVENIUM_CIRCUIT_BREAKER_ENABLED: 'true' }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, path: string, body: Record<string, unknown>): void {
  const { model } = body;
  if (path.startsWith('/api/')) {
    answerOllama(response, model, body['stream'] === true);
    return;
  }
  const head = { id: `chatcmpl-${Math.random()}`, created: 1, model };
  const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 };
  if (body['stream'] !== true) {
    const message = { role: 'assistant', content: 'hi' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    json(response, 200, { ...head, object: 'chat.completion', choices, usage });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = { ...head, object: 'chat.completion.chunk' };
  const choices = [{ index: 0, delta: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }];
  response.write(`data: ${JSON.stringify({ ...chunk, choices })}\n\n`);
  if (body['stream_options'] !== undefined) {
    response.write(`data: ${JSON.stringify({ ...chunk, choices: [], usage })}\n\n`);
  }
  response.end('data: [DONE]\n\n');
}

function answerOllama(response: ServerResponse, model: unknown, streaming: boolean): void {
  const message = { role: 'assistant', content: 'hi' };
  const last = { model, message, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 1 };
  if (!streaming) {
    json(response, 200, last);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.end(`${JSON.stringify({ model, message, done: false })}\n${JSON.stringify(last)}\n`);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
