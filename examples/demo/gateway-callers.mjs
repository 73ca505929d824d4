// Who calls the gateway: curl, and the official clients of three providers, each as its own documentation shows it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

// The stand-ins answer with as many words as they are asked for, a token each.
const QUESTION = { ollama: 'Why do budgets fail? say:40', openai: 'say:400', anthropic: 'say:600' };

/**
 * All of them, by the key of one customer. A call gives its text, its chunks, the headers of its answer and what it
 * counted; or a refusal: what the program sees of one.
 */
export function connectCallers({ gatewayUrl, ollamaUrl, key }) {
  let headers = {};
  // The one thing that is not as in a client's documentation: its answers' headers are shown here.
  const seeing = async (input, init) => {
    const response = await fetch(input, init);
    headers = Object.fromEntries(response.headers);
    return response;
  };
  const headersNow = () => headers;
  return [
    curlCaller(gatewayUrl, ollamaUrl, key),
    openaiCaller(new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey: key, fetch: seeing }), headersNow),
    ollamaCaller(
      new Ollama({ host: gatewayUrl, headers: { Authorization: `Bearer ${key}` }, fetch: seeing }),
      headersNow,
    ),
    anthropicCaller(new Anthropic({ baseURL: gatewayUrl, apiKey: key, fetch: seeing }), headersNow),
  ];
}

function curlCaller(gatewayUrl, ollamaUrl, key) {
  const model = 'llama3.2';
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: QUESTION.ollama }] });
  const auth = ['-H', `Authorization: Bearer ${key}`];
  const call = async () => {
    const { status, headers, text } = await curl([...auth, '-d', body, `${gatewayUrl}/api/chat`]);
    if (status === 200) return { ...readLines(text), headers, raw: text };
    const error = JSON.parse(text);
    return { refusal: { status, code: error.fusewire?.code, kind: `{"error":"…"}`, shown: error.error } };
  };
  return {
    name: 'curl',
    model,
    call,
    async compare() {
      const direct = await curl(['-d', body, `${ollamaUrl}/api/chat`]);
      const outcome = await call();
      return { direct: direct.text, through: outcome.raw, outcome };
    },
  };
}

/** @throws Error where curl is not installed, or cannot connect. */
async function curl(args) {
  const child = spawn('curl', ['-sSNi', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const read = async (stream) => Buffer.concat(await stream.toArray()).toString();
  const ended = once(child, 'close').catch((error) => [error.code]);
  const [answer, said, [code]] = await Promise.all([read(child.stdout), read(child.stderr), ended]);
  if (code !== 0) throw new Error(`this demo needs curl, which ended with ${code} ${said}`);
  const end = answer.indexOf('\r\n\r\n');
  const [first = '', ...lines] = answer.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((one) => [one.split(': ')[0].toLowerCase(), one.split(': ')[1]]));
  return { status: Number(first.split(' ')[1]), headers, text: answer.slice(end + 4) };
}

function readLines(text) {
  const chunks = text.trim().split('\n').map(JSON.parse);
  const { prompt_eval_count: input, eval_count: output } = chunks.at(-1);
  return { text: chunks.map(({ message }) => message.content).join(''), chunks: chunks.length, input, output };
}

function openaiCaller(client, headersNow) {
  const model = 'gpt-4o';
  const asked = { model, max_tokens: 400, messages: [{ role: 'user', content: QUESTION.openai }] };
  const call = async () => {
    const stream = await client.chat.completions.create({
      ...asked,
      stream: true,
      stream_options: { include_usage: true },
    });
    const seen = { text: '', chunks: 0, input: 0, output: 0 };
    for await (const { choices, usage } of stream) {
      seen.chunks += 1;
      seen.text += choices[0]?.delta.content ?? '';
      if (usage) Object.assign(seen, { input: usage.prompt_tokens, output: usage.completion_tokens });
    }
    return { ...seen, headers: headersNow() };
  };
  const seenAs = (error) => ({ code: error.code, kind: `${error.constructor.name}: error.code, error.error` });
  return { name: 'openai', model, call: orRefusal(call, OpenAI.APIError, seenAs) };
}

function ollamaCaller(client, headersNow) {
  const model = 'llama3.2';
  const call = async () => {
    const seen = { text: '', chunks: 0, input: 0, output: 0 };
    for await (const part of await client.generate({ model, prompt: QUESTION.ollama, stream: true })) {
      seen.chunks += 1;
      seen.text += part.response;
      if (part.done) Object.assign(seen, { input: part.prompt_eval_count, output: part.eval_count });
    }
    return { ...seen, headers: headersNow() };
  };
  const seenAs = (error) => ({
    status: error.status_code,
    code: /\[(\w+)\]/.exec(error.message)?.[1] ?? headersNow()['fusewire-refused'],
    kind: `${error.name}: error.status_code, error.message`,
  });
  return { name: 'ollama', model, call: orRefusal(call, undefined, seenAs) };
}

function anthropicCaller(client, headersNow) {
  const model = 'claude-haiku-4-5';
  const asked = { model, max_tokens: 600, messages: [{ role: 'user', content: QUESTION.anthropic }] };
  const call = async () => {
    let chunks = 0;
    const stream = client.messages.stream(asked).on('streamEvent', () => {
      chunks += 1;
    });
    const { content, usage } = await stream.finalMessage();
    const counted = { input: usage.input_tokens, output: usage.output_tokens };
    return { text: content[0].text, chunks, ...counted, headers: headersNow() };
  };
  const seenAs = (error) => ({
    code: error.error?.error?.code,
    kind: `${error.constructor.name}: error.error.error.${error.error?.error?.type}`,
  });
  return { name: 'anthropic', model, call: orRefusal(call, Anthropic.APIError, seenAs) };
}

/** What a program has to do about a refusal: nothing but what it does about any error of its client. */
function orRefusal(call, Expected, seenAs) {
  return async () => {
    try {
      return await call();
    } catch (error) {
      const status = error.status ?? error.status_code;
      if (status === undefined || (Expected !== undefined && !(error instanceof Expected))) throw error;
      return { refusal: { status, shown: error.message, ...seenAs(error) } };
    }
  };
}
