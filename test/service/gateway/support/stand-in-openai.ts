/** The stand-in as OpenAI, and the chat, completion and embedding shapes that Ollama shares with it. */
import {
  chatChunks,
  embeddings,
  type Fields,
  response,
  responseEvents,
  wholeChat,
} from '../../../helpers/stub-provider-answers.js';
import { mediaAnswer } from '../../../helpers/stub-provider-media.js';
import { type Answer, bytesAnswer, jsonAnswer, sseAnswer } from './stand-in-answer.js';
import { type Counts, countsOf, wordsOf } from './stand-in-tokens.js';

const CREATED = 1_790_000_000;
export const OPENAI_MODELS = ['gpt-4o', 'gpt-4o-mini', 'gpt-image-1', 'text-embedding-3-small', 'tts-1', 'whisper-1'];

/** Whose OpenAI endpoint it is: Ollama repeats its ids and names no usage on the chunks before the last. */
export type Flavour = 'openai' | 'ollama';

/** The answer to `path` below `/v1`; `undefined` where there is none. `count` is unique within the server. */
export function openaiAnswer(method: string, path: string, body: Fields, count: number): Answer | undefined {
  const headers = { 'x-request-id': `req_${count}`, 'openai-processing-ms': '7' };
  if (method === 'GET' && path === '/models') return jsonAnswer({ object: 'list', data: OPENAI_MODELS.map(modelOf) });
  if (method === 'GET' && path.startsWith('/models/')) return jsonAnswer(modelOf(decodeURIComponent(path.slice(8))));
  if (method !== 'POST') return undefined;
  const shared = sharedAnswer(path, body, count, 'openai');
  if (shared !== undefined) return { ...shared, headers: { ...shared.headers, ...headers } };
  if (path === '/responses') return responsesAnswer(`resp_${count}`, body);
  const media = mediaAnswer(path, body, count);
  if (media === undefined) return undefined;
  if (media.kind === 'json') return jsonAnswer(media.body, 200, headers);
  if (media.kind === 'events') return sseAnswer(media.events as object[], { named: true, done: false });
  if (media.kind === 'text') return bytesAnswer('text/plain', Buffer.from(media.text));
  return bytesAnswer(media.type, media.bytes);
}

/** Chat, completions and embeddings. */
export function sharedAnswer(path: string, body: Fields, count: number, flavour: Flavour): Answer | undefined {
  const counts = countsOf(body);
  // Recorded: Ollama numbers its answers below a thousand, at random, so they come again.
  const number = flavour === 'openai' ? `${count}x${CREATED}` : String(count % 7);
  if (path === '/chat/completions') {
    const id = `chatcmpl-${number}`;
    // Ollama says the name that it was asked for, OpenAI the version that it has.
    const named = (answer: Fields) => (flavour === 'ollama' ? { ...answer, model: body['model'] } : answer);
    if (body['stream'] !== true) return jsonAnswer(named(chat(id, body, counts)));
    return sseAnswer(streamedChat(id, body, counts, flavour).map(named), { named: false, done: true });
  }
  if (path === '/completions') {
    const id = `cmpl-${number}`;
    if (body['stream'] !== true) return jsonAnswer(completion(id, body, counts));
    return sseAnswer(streamedCompletion(id, body, counts, flavour), { named: false, done: true });
  }
  if (path !== '/embeddings') return undefined;
  return jsonAnswer({ ...embeddings(body), usage: { prompt_tokens: counts.input, total_tokens: counts.input } });
}

function usageOf(counts: Counts): Fields {
  return {
    prompt_tokens: counts.input,
    completion_tokens: counts.output,
    total_tokens: counts.input + counts.output,
    prompt_tokens_details: { cached_tokens: counts.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

const callsTool = (body: Fields) => JSON.stringify(wholeChat('x', body)).includes('tool_calls');
const reasonOf = (counts: Counts) => (counts.limited ? 'length' : 'stop');

function chat(id: string, body: Fields, counts: Counts): Fields {
  const whole = wholeChat(id, body);
  if (callsTool(body)) return { ...whole, usage: usageOf(counts) };
  const content = body['response_format'] === undefined ? wordsOf(counts.perChoice).join('') : '{"answer":42}';
  const choices = Array.from({ length: counts.choices }, (_, index) => ({
    index,
    message: { role: 'assistant', content, refusal: null },
    logprobs: null,
    finish_reason: reasonOf(counts),
  }));
  return { ...whole, choices, usage: usageOf(counts) };
}

function streamedChat(id: string, body: Fields, counts: Counts, flavour: Flavour): Fields[] {
  const asked = includesUsage(body);
  const [first, ...rest] = chatChunks(id, { ...body, stream_options: undefined }, false);
  const base = { ...first! };
  const chunk = (index: number, delta: Fields, reason: string | null = null) => ({
    ...base,
    choices: [{ index, delta, logprobs: null, finish_reason: reason }],
  });
  const indexes = Array.from({ length: counts.choices }, (_, index) => index);
  const text = [
    ...indexes.map((index) => chunk(index, { role: 'assistant', content: '', refusal: null })),
    ...wordsOf(counts.perChoice).flatMap((word) => indexes.map((index) => chunk(index, { content: word }))),
    ...indexes.map((index) => chunk(index, {}, reasonOf(counts))),
  ];
  const chunks: Fields[] = callsTool(body) ? [first!, ...rest] : text;
  return asked ? [...withUsageNull(chunks, flavour), { ...base, choices: [], usage: usageOf(counts) }] : chunks;
}

function completion(id: string, body: Fields, counts: Counts): Fields {
  const text = wordsOf(counts.perChoice).join('');
  const choices = Array.from({ length: counts.choices }, (_, index) => ({
    text,
    index,
    logprobs: null,
    finish_reason: reasonOf(counts),
  }));
  const { prompt_tokens, completion_tokens, total_tokens } = usageOf(counts);
  const usage = { prompt_tokens, completion_tokens, total_tokens };
  return { id, object: 'text_completion', created: CREATED, model: String(body['model']), choices, usage };
}

function streamedCompletion(id: string, body: Fields, counts: Counts, flavour: Flavour): Fields[] {
  const { choices: _, usage, ...base } = completion(id, body, counts);
  const chunk = (text: string, reason: string | null) => ({
    ...base,
    choices: [{ text, index: 0, logprobs: null, finish_reason: reason }],
  });
  const chunks: Fields[] = [...wordsOf(counts.output).map((word) => chunk(word, null)), chunk('', reasonOf(counts))];
  return includesUsage(body) ? [...withUsageNull(chunks, flavour), { ...base, choices: [], usage }] : chunks;
}

function includesUsage(body: Fields): boolean {
  return (body['stream_options'] as Fields | undefined)?.['include_usage'] === true;
}

function withUsageNull(chunks: readonly Fields[], flavour: Flavour): Fields[] {
  return flavour === 'ollama' ? [...chunks] : chunks.map((chunk) => ({ ...chunk, usage: null }));
}

function responsesAnswer(id: string, body: Fields): Answer {
  const counts = countsOf(body);
  const words = wordsOf(counts.perChoice);
  const final = patched(response(id, body, 'completed'), counts);
  if (body['stream'] !== true) return jsonAnswer(final);
  const events = responseEvents(id, body).filter(({ type }) => type !== 'response.output_text.delta');
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0, logprobs: [] };
  const deltas = words.map((delta) => ({ type: 'response.output_text.delta', ...at, delta }));
  const [textDone, partDone, itemDone] = events.slice(4, 7);
  const text = words.join('');
  const part = { ...(partDone!['part'] as Fields), text };
  const ordered = [
    ...events.slice(0, 4),
    ...deltas,
    { ...textDone, text },
    { ...partDone, part },
    { ...itemDone, item: (final['output'] as Fields[])[0] },
    { type: counts.limited ? 'response.incomplete' : 'response.completed', response: final },
  ];
  const numbered = ordered.map((event, index) => ({ ...event, sequence_number: index }));
  return sseAnswer(numbered, { named: true, done: false });
}

function patched(whole: Fields, counts: Counts): Fields {
  const text = wordsOf(counts.perChoice).join('');
  const [item] = whole['output'] as [Fields];
  const [part] = item['content'] as [Fields];
  return {
    ...whole,
    ...(counts.limited ? { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } } : {}),
    output: [{ ...item, content: [{ ...part, text }] }],
    usage: {
      input_tokens: counts.input,
      input_tokens_details: { cached_tokens: counts.cached },
      output_tokens: counts.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: counts.input + counts.output,
    },
  };
}

function modelOf(id: string): Fields {
  return { id, object: 'model', created: CREATED, owned_by: 'system' };
}
