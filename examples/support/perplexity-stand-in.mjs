// A stand-in for Perplexity: chat with the cost that Perplexity itself names, and its search, which names none.
import { createServer } from 'node:http';

const WORDS = ['A budget ', 'is no ', 'report.'];
const DONE = {
  prompt_tokens: 12,
  completion_tokens: 746,
  total_tokens: 758,
  search_context_size: 'low',
  cost: { input_tokens_cost: 0, output_tokens_cost: 0.001, request_cost: 0.005, total_cost: 0.006 },
};

export async function startPerplexityStandIn() {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = JSON.parse(Buffer.concat(parts).toString('utf8') || '{}');
    const head = { id: crypto.randomUUID(), model: body.model, created: 1 };
    const json = (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
    if (request.url === '/search')
      return json({ id: head.id, results: [{ title: 'Budgets', url: 'https://example.org', snippet: '' }] });
    const last = {
      index: 0,
      message: { role: 'assistant', content: WORDS.join('') },
      delta: {},
      finish_reason: 'stop',
    };
    if (!body.stream) return json({ ...head, object: 'chat.completion', usage: DONE, choices: [last] });
    response.setHeader('content-type', 'text/event-stream');
    const send = (event) => response.write(`data: ${JSON.stringify({ ...head, ...event })}\r\n\r\n`);
    WORDS.forEach((content, at) => {
      const usage = { prompt_tokens: 12, completion_tokens: at + 1, total_tokens: 13 + at, cost: { total_cost: 0 } };
      send({ object: 'chat.completion.chunk', usage, choices: [{ index: 0, delta: { role: 'assistant', content } }] });
    });
    send({ object: 'chat.completion.done', usage: DONE, choices: [last] });
    response.end();
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((stopped) => server.close(stopped).closeAllConnections()),
  };
}
