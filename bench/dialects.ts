/**
 * The protocols that provider clients speak, each with one short answer, whole and in chunks: for benchmarks and for the
 * tests that ask the same of every client.
 */
import type { ServerResponse } from 'node:http';

/** Chunks of a streamed answer. */
export const CHUNKS = 50;
const TEXT = 'word '.repeat(200);
const OPENAI_USAGE = { prompt_tokens: 12, completion_tokens: 50, total_tokens: 62 };
const ANTHROPIC_USAGE = { input_tokens: 12, output_tokens: 50 };
const GOOGLE_USAGE = { promptTokenCount: 12, candidatesTokenCount: 50, totalTokenCount: 62 };
const OLLAMA_USAGE = { prompt_eval_count: 12, eval_count: 50, total_duration: 9, eval_duration: 5 };

/** One protocol. */
interface Dialect {
  readonly matches: (path: string) => boolean;
  readonly streams: (path: string, body: string) => boolean;
  readonly whole: () => object;
  readonly contentType: string;
  /** The chunks of an answer as they are written. */
  readonly chunks: (body: string, path: string) => string[];
}

const sse = (data: object, event?: string) =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
const many = <T>(make: (last: boolean) => T): T[] =>
  Array.from({ length: CHUNKS }, (_, index) => make(index === CHUNKS - 1));

const OPENAI_HEAD = { id: 'chatcmpl-bench', created: 1_790_000_000, model: 'gpt-4o-mini-2024-07-18' };
const openai: Dialect = {
  matches: (path) => path.endsWith('/chat/completions'),
  streams: (_path, body) => body.includes('"stream":true'),
  whole: () => ({
    ...OPENAI_HEAD,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
    usage: OPENAI_USAGE,
  }),
  contentType: 'text/event-stream',
  chunks(body, path) {
    const asked = body.includes('include_usage');
    // Perplexity's own path: its streams repeat their usage unasked.
    const repeats = !path.includes('/v1/');
    const head = { ...OPENAI_HEAD, object: 'chat.completion.chunk' };
    const chunk = (last: boolean) => ({
      ...head,
      choices: [{ index: 0, delta: { content: 'word ' }, logprobs: null, finish_reason: last ? 'stop' : null }],
      ...(repeats ? { usage: OPENAI_USAGE } : asked ? { usage: null } : {}),
    });
    const closing = asked ? [sse({ ...head, choices: [], usage: OPENAI_USAGE })] : [];
    return [...many((last) => sse(chunk(last))), ...closing, 'data: [DONE]\n\n'];
  },
};

const MESSAGE = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5',
  stop_sequence: null,
};
const anthropic: Dialect = {
  matches: (path) => path.endsWith('/messages'),
  streams: (_path, body) => body.includes('"stream":true'),
  whole: () => ({
    ...MESSAGE,
    content: [{ type: 'text', text: TEXT }],
    stop_reason: 'end_turn',
    usage: ANTHROPIC_USAGE,
  }),
  contentType: 'text/event-stream',
  chunks: () => [
    sse(
      {
        type: 'message_start',
        message: { ...MESSAGE, content: [], stop_reason: null, usage: { ...ANTHROPIC_USAGE, output_tokens: 1 } },
      },
      'message_start',
    ),
    sse({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }, 'content_block_start'),
    ...many(() =>
      sse(
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } },
        'content_block_delta',
      ),
    ),
    sse({ type: 'content_block_stop', index: 0 }, 'content_block_stop'),
    sse(
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 50 } },
      'message_delta',
    ),
    sse({ type: 'message_stop' }, 'message_stop'),
  ],
};

const candidate = (text: string, last: boolean) => ({
  candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...(last ? { finishReason: 'STOP' } : {}) }],
  usageMetadata: GOOGLE_USAGE,
  modelVersion: 'gemini-2.5-flash',
  responseId: 'bench',
});
const google: Dialect = {
  matches: (path) => /:(stream)?generateContent/i.test(path),
  streams: (path) => path.includes(':streamGenerateContent'),
  whole: () => candidate(TEXT, true),
  contentType: 'text/event-stream',
  chunks: () => many((last) => sse(candidate('word ', last))),
};

const ollama: Dialect = {
  matches: (path) => path.endsWith('/api/chat'),
  streams: (_path, body) => body.includes('"stream":true'),
  whole: () => ({
    model: 'm',
    message: { role: 'assistant', content: TEXT },
    done: true,
    done_reason: 'stop',
    ...OLLAMA_USAGE,
  }),
  contentType: 'application/x-ndjson',
  chunks: () =>
    many((last) => {
      const message = { role: 'assistant', content: 'word ' };
      const end = last ? { done: true, done_reason: 'stop', ...OLLAMA_USAGE } : { done: false };
      return `${JSON.stringify({ model: 'm', created_at: '2026-11-20T00:00:00Z', message, ...end })}\n`;
    }),
};

const fal: Dialect = {
  matches: (path) => path.includes('/fal-ai/'),
  streams: (path) => path.endsWith('/stream'),
  whole: () => ({
    images: [{ url: 'https://example.org/a.png', width: 1024, height: 1024, content_type: 'image/png' }],
    seed: 1,
  }),
  contentType: 'text/event-stream',
  chunks: () => many((last) => sse({ output: 'word ', partial: !last })),
};

const DIALECTS: readonly Dialect[] = [openai, anthropic, google, ollama, fal];

/** Answers by the path: at once, or in chunks, one a turn of the loop. */
export function answerInDialect(url: string, body: string, response: ServerResponse): void {
  const path = url.replace(/\?.*$/s, '');
  const dialect = DIALECTS.find((one) => one.matches(path));
  if (dialect === undefined) {
    response.writeHead(404, { 'content-type': 'application/json' }).end(`{"error":{"message":"nothing at ${path}"}}`);
    return;
  }
  if (!dialect.streams(path, body)) {
    const text = JSON.stringify(dialect.whole());
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
      .end(text);
    return;
  }
  response.writeHead(200, { 'content-type': dialect.contentType });
  const chunks = dialect.chunks(body, path);
  const next = () => {
    const chunk = chunks.shift();
    if (chunk === undefined) {
      response.end();
      return;
    }
    response.write(chunk);
    setImmediate(next);
  };
  next();
}
