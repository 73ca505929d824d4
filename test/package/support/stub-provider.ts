/**
 * A model server that counts its requests. It answers chats in OpenAI's dialect (which Perplexity shares) and Ollama's,
 * plain and streamed, and plain ones in Anthropic's and Google's; pictures in OpenAI's and fal's.
 */
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

function otherAnswer(path: string, body: Record<string, unknown>, count: number): object | undefined {
  const id = `${process.pid}-${Date.now()}-${count}`;
  if (path.endsWith('/images/generations')) {
    const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 18 };
    return { created: 1_767_225_600, data: [{ b64_json: 'aW1hZ2U=' }], usage };
  }
  if (path === '/v1/messages') {
    const head = { id: `msg_${id}`, type: 'message', role: 'assistant', model: body['model'] };
    const usage = { input_tokens: 11, output_tokens: 7 };
    return { ...head, content: [{ type: 'text', text: 'Four.' }], stop_reason: 'end_turn', stop_sequence: null, usage };
  }
  const google = /\/models\/([^/]+):generateContent$/.exec(path);
  if (google) {
    const candidates = [{ content: { role: 'model', parts: [{ text: 'Four.' }] }, finishReason: 'STOP', index: 0 }];
    const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 };
    return { candidates, usageMetadata, modelVersion: google[1], responseId: id };
  }
  if (path === '/fal-ai/flux/dev') return { images: [{ url: 'https://fal.media/a.png', width: 512, height: 512 }] };
  return undefined;
}

/** The answer to a request, and its type when it is streamed. */
function answerTo(path: string, body: Record<string, unknown>, count: number): [string, string] | undefined {
  if (path.endsWith('/chat/completions')) return [openaiAnswer(body, count), 'text/event-stream'];
  if (path === '/api/chat') return [ollamaAnswer(body), 'application/x-ndjson'];
  const other = otherAnswer(path, body, count);
  return other && [JSON.stringify(other), 'application/json'];
}

/** Starts a stub on a free port of 127.0.0.1. */
export async function startStubProvider(): Promise<StubProvider> {
  const bodies: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const path = new URL(request.url ?? '/', 'http://stub').pathname;
    const body = JSON.parse(Buffer.concat(parts).toString('utf8') || '{}') as Record<string, unknown>;
    const answer = answerTo(path, body, bodies.length + 1);
    if (answer === undefined) {
      response.writeHead(404).end();
      return;
    }
    bodies.push(body);
    const [text, streamType] = answer;
    const headers = { 'content-type': body['stream'] === true ? streamType : 'application/json' };
    response.writeHead(200, {
      ...headers,
      'x-fal-request-id': `00000000-0000-4000-8000-${String(Date.now()).slice(-12).padStart(12, '0')}`,
    });
    response.end(text);
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
