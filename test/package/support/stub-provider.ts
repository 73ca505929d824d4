/** A model server that answers chat requests in OpenAI's and in Ollama's dialect, plain and streamed, and counts them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A running stub. */
export interface StubProvider {
  readonly url: string;
  /** Model requests that arrived. */
  readonly requests: number;
  /** Parsed bodies, in order of arrival. */
  readonly bodies: readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

const USAGE = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

function openaiAnswer(body: Record<string, unknown>, count: number): string {
  const head = { id: `chatcmpl-${process.pid}-${Date.now()}-${count}`, created: 1_767_225_600, model: body['model'] };
  if (body['stream'] !== true) {
    const choices = [{ index: 0, message: { role: 'assistant', content: 'Four.' }, finish_reason: 'stop' }];
    return JSON.stringify({ ...head, object: 'chat.completion', choices, usage: USAGE });
  }
  const chunk = (rest: object) => `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...rest })}\n\n`;
  const wantsUsage = (body['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage === true;
  return [
    chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: 'Four' }, finish_reason: null }] }),
    chunk({ choices: [{ index: 0, delta: { content: '.' }, finish_reason: 'stop' }] }),
    wantsUsage ? chunk({ choices: [], usage: USAGE }) : '',
    'data: [DONE]\n\n',
  ].join('');
}

function ollamaAnswer(body: Record<string, unknown>): string {
  const head = { model: body['model'], created_at: '2026-01-01T00:00:00Z' };
  const end = { done: true, done_reason: 'stop', total_duration: 5, prompt_eval_count: 11, eval_count: 7 };
  const message = (content: string) => ({ role: 'assistant', content });
  if (body['stream'] !== true) return JSON.stringify({ ...head, message: message('Four.'), ...end });
  const lines = [
    { ...head, message: message('Four'), done: false },
    { ...head, message: message('.'), ...end },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Starts a stub on a free port of 127.0.0.1. */
export async function startStubProvider(): Promise<StubProvider> {
  const bodies: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const isOpenAI = request.url?.endsWith('/chat/completions') === true;
    if (!isOpenAI && request.url !== '/api/chat') {
      response.writeHead(404).end();
      return;
    }
    const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>;
    bodies.push(body);
    const streamType = isOpenAI ? 'text/event-stream' : 'application/x-ndjson';
    response.writeHead(200, { 'content-type': body['stream'] === true ? streamType : 'application/json' });
    response.end(isOpenAI ? openaiAnswer(body, bodies.length) : ollamaAnswer(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return bodies.length;
    },
    bodies,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
