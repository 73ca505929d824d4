// A stand-in for a model server, in its own process: it speaks the OpenAI and the Ollama protocol on one port.
// Start it with `node examples/support/stand-in.mjs`; it prints its URL. GET /requests answers how many model calls
// it has seen, so that a demo can prove that a refused call never arrived.
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answerAnthropic, isAnthropicPath } from './stand-in-anthropic.mjs';
import { answerGoogle, isGooglePath } from './stand-in-google.mjs';

const WORDS = 'A budget that is checked after the money is gone is a report and not a limit .'.split(' ');
// Large prompts are assumed, so that a few calls cost a few cents.
const INPUT_TOKENS = 40_000;
const OUTPUT_TOKENS = 2_000;
const WORD_PAUSE_MS = 5;
let requests = 0;

async function readBody(request, isForm) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString('utf8');
  // A form carries a file; no answer here depends on it.
  return text === '' || isForm ? {} : JSON.parse(text);
}

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

const openaiUsage = () => ({
  prompt_tokens: INPUT_TOKENS,
  completion_tokens: OUTPUT_TOKENS,
  total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
});

async function openaiChat(body, response) {
  const id = `chatcmpl-standin${Date.now()}${requests}`;
  const created = Math.floor(Date.now() / 1000);
  if (!body.stream) {
    const message = { role: 'assistant', content: WORDS.join(' '), refusal: null };
    json(response, 200, {
      id,
      object: 'chat.completion',
      created,
      model: body.model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
      usage: openaiUsage(),
    });
    return;
  }
  const withUsage = body.stream_options?.include_usage === true;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (choices, usage) => {
    const chunk = { id, object: 'chat.completion.chunk', created, model: body.model, choices };
    response.write(`data: ${JSON.stringify(withUsage ? { ...chunk, usage } : chunk)}\n\n`);
  };
  for (const word of WORDS) {
    send([{ index: 0, delta: { content: `${word} ` }, finish_reason: null }], null);
    await pause(WORD_PAUSE_MS);
  }
  send([{ index: 0, delta: {}, finish_reason: 'stop' }], null);
  if (withUsage) send([], openaiUsage());
  response.end('data: [DONE]\n\n');
}

function openaiImages(body, response) {
  const data = Array.from({ length: body.n ?? 1 }, () => ({ b64_json: 'aW1hZ2U=' }));
  const usage = { input_tokens: 20, output_tokens: 1_056 * data.length, total_tokens: 20 + 1_056 * data.length };
  json(response, 200, { created: 1, data, size: '1024x1024', quality: 'medium', output_format: 'png', usage });
}

async function ollamaAnswer(path, body, response) {
  const created_at = new Date().toISOString();
  const part = (text) =>
    path === '/api/chat' ? { message: { role: 'assistant', content: text } } : { response: text };
  const last = { done: true, done_reason: 'stop', prompt_eval_count: 26, eval_count: WORDS.length };
  if (body.stream === false) {
    json(response, 200, { model: body.model, created_at, ...part(WORDS.join(' ')), ...last });
    return;
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  for (const word of WORDS) {
    response.write(`${JSON.stringify({ model: body.model, created_at, ...part(`${word} `), done: false })}\n`);
    await pause(WORD_PAUSE_MS);
  }
  response.end(`${JSON.stringify({ model: body.model, created_at, ...part(''), ...last })}\n`);
}

async function answer(request, response) {
  // Azure OpenAI has the same endpoints, below each deployment.
  const path = new URL(request.url, 'http://localhost').pathname.replace(/^\/openai\/deployments\/[^/]+/, '/v1');
  if (request.method === 'GET' && path === '/requests') return json(response, 200, { requests });
  if (request.method === 'GET' && path === '/api/version') return json(response, 200, { version: '0.0.0-stand-in' });
  const isForm = request.headers['content-type']?.startsWith('multipart/') === true;
  const body = await readBody(request, isForm);
  requests += 1;
  if (isGooglePath(path)) return answerGoogle(path, response);
  if (isAnthropicPath(path)) return answerAnthropic(path, body, request.headers.host, response);
  if (path === '/v1/chat/completions') return openaiChat(body, response);
  if (path === '/v1/embeddings') {
    const data = [{ object: 'embedding', index: 0, embedding: [0.1, 0.2, 0.3] }];
    const usage = { prompt_tokens: 8, total_tokens: 8 };
    return json(response, 200, { object: 'list', data, model: body.model, usage });
  }
  if (path.startsWith('/v1/images/')) return openaiImages(body, response);
  if (path === '/v1/audio/speech') {
    response.writeHead(200, { 'content-type': 'audio/mpeg' });
    return response.end(Buffer.alloc(2_048, 0xff));
  }
  if (path === '/v1/audio/transcriptions') {
    const usage = { type: 'duration', seconds: 90 };
    return json(response, 200, { text: WORDS.join(' '), language: 'english', duration: 90, usage });
  }
  if (path === '/api/chat' || path === '/api/generate') return ollamaAnswer(path, body, response);
  if (path === '/api/embed') {
    return json(response, 200, { model: body.model, embeddings: [[0.1, 0.2, 0.3]], prompt_eval_count: 8 });
  }
  return json(response, 404, { error: { message: `the stand-in does not know ${path}`, type: 'not_found' } });
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => json(response, 500, { error: { message: String(error) } }));
});
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  if (process.send) process.send({ url });
  else console.log(url);
});
// The parent is gone: nobody needs this server any more.
process.on('disconnect', () => process.exit(0));
