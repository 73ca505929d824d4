/** A server that speaks Ollama's protocol and answers by the request; on 127.0.0.1, as real as a model is small. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** Resolves when the connection of this request was closed by the client before the answer's end. */
  readonly aborted: Promise<void>;
}

export interface StubOllama {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** Lets a held stream (model `held`) go on by one chunk. */
  release(): void;
  close(): Promise<void>;
}

const WORDS = ['The ', 'sky ', 'is ', 'blue: ', '空は青い。'];
const COUNTS = { prompt_eval_count: 11, eval_count: 5, total_duration: 9, load_duration: 1 };

/**
 * Models: `missing` answers 404, `fails` an error inside the stream, `cut` breaks the connection, `quiet` ends without
 * the last chunk, `held` sends one chunk and waits for `release`, `thinks` thinks, `broken` is no JSON; all else answers.
 * Fields that Ollama does not know are a 400, so that a leaked one is seen.
 */
export async function startStubOllama(): Promise<StubOllama> {
  const requests: SeenRequest[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    void answer(request, response, requests, waiting);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    release: () => waiting.shift()?.(),
    async close() {
      for (const go of waiting) go();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  requests: SeenRequest[],
  waiting: (() => void)[],
): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  const path = request.url ?? '';
  const aborted = new Promise<void>((resolve) => {
    response.on('close', () => {
      if (!response.writableFinished) resolve();
    });
  });
  requests.push({ method: request.method ?? '', path, body, aborted });
  const leaked = Object.keys(body).find((name) => /usage|toJSON/i.test(name));
  if (leaked !== undefined) return json(response, 400, { error: `unknown field ${leaked}` });
  if (body['model'] === 'missing') return json(response, 404, { error: "model 'missing' not found" });
  if (body['model'] === 'broken') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{"model":');
    return;
  }
  if (path === '/api/embed')
    return json(response, 200, { model: body['model'], embeddings: [[1]], prompt_eval_count: 4 });
  if (path === '/api/embeddings') return json(response, 200, { embedding: [1, 2] });
  if (path === '/v1/systemone') {
    return json(response, 200, { model: body['model'], answers: {}, usage: { input_tokens: 6, output_tokens: 1 } });
  }
  if (path === '/api/tags') return json(response, 200, { models: [] });
  if (path !== '/api/chat' && path !== '/api/generate') return json(response, 200, { status: 'success' });
  const chunks = chunksOf(path, body);
  if (body['stream'] === false) return json(response, 200, wholeOf(path, body, chunks));
  await stream(response, body, chunks, waiting);
}

async function stream(
  response: ServerResponse,
  body: Record<string, unknown>,
  chunks: Record<string, unknown>[],
  waiting: (() => void)[],
): Promise<void> {
  const { model } = body;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  const last = chunks.at(-1);
  for (const chunk of chunks) {
    if (chunk === last && model === 'quiet') break;
    if (chunk === last && model === 'fails') {
      response.write(`${JSON.stringify({ error: 'the model ran out of memory' })}\n`);
      break;
    }
    if (chunk === last && model === 'cut') {
      response.destroy();
      return;
    }
    response.write(`${JSON.stringify(chunk)}\n`);
    if (model === 'held') await new Promise<void>((resolve) => waiting.push(resolve));
  }
  response.end();
}

function chunksOf(path: string, body: Record<string, unknown>): Record<string, unknown>[] {
  const model = body['model'];
  const wrap = (fields: Record<string, string>) =>
    path === '/api/chat' ? { message: { role: 'assistant', content: '', ...fields } } : { response: '', ...fields };
  const text = (word: string) => wrap(path === '/api/chat' ? { content: word } : { response: word });
  const thoughts = model === 'thinks' ? [wrap({ thinking: 'Hmm, light scatters. ' })] : [];
  return [
    ...thoughts.map((fields) => ({ model, ...fields, done: false })),
    ...WORDS.map((word) => ({ model, ...text(word), done: false })),
    { model, ...text(''), done: true, done_reason: 'stop', ...COUNTS },
  ];
}

function wholeOf(path: string, body: Record<string, unknown>, chunks: Record<string, unknown>[]) {
  const text = WORDS.join('');
  const fields = path === '/api/chat' ? { message: { role: 'assistant', content: text } } : { response: text };
  if (body['model'] === 'fails') return { error: 'the model ran out of memory' };
  return { ...chunks.at(-1), ...fields };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
