// The model server of bench/call.bench.ts, in a process of its own: answers chat at once, or after `/slow`'s 50 ms.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const CHUNKS = 50;
const SLOW_MS = 50;
const HEAD = {
  id: 'chatcmpl-bench',
  created: 1_790_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  system_fingerprint: 'fp_1',
};
const USAGE = { prompt_tokens: 12, completion_tokens: 50, total_tokens: 62 };
const WHOLE = JSON.stringify({
  ...HEAD,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(200) }, finish_reason: 'stop' }],
  usage: USAGE,
});

function chunk(delta: object, finish: string | null, asked: boolean): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...(asked ? { usage: null } : {}) })}\n\n`;
}

function stream(response: ServerResponse, asked: boolean): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  let sent = 0;
  // One event a turn of the loop, so that the reader gets them as chunks of their own, as from a model.
  const next = () => {
    sent += 1;
    response.write(chunk({ content: 'word ' }, sent === CHUNKS ? 'stop' : null, asked));
    if (sent < CHUNKS) {
      setImmediate(next);
      return;
    }
    if (asked) {
      const last = { ...HEAD, object: 'chat.completion.chunk', choices: [], usage: USAGE };
      response.write(`data: ${JSON.stringify(last)}\n\n`);
    }
    response.end('data: [DONE]\n\n');
  };
  next();
}

const server = createServer((request, response) => {
  let text = '';
  request.on('data', (part) => {
    text += part;
  });
  request.on('end', () => {
    const answer = () => {
      if (text.includes('"stream":true')) {
        stream(response, text.includes('include_usage'));
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(WHOLE) });
      response.end(WHOLE);
    };
    if (request.url?.startsWith('/slow')) setTimeout(answer, SLOW_MS);
    else answer();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});
process.on('disconnect', () => process.exit(0));
