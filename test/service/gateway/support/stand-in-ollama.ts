/** The stand-in as Ollama: its own API, and its OpenAI endpoint. */
import type { Fields } from '../../../helpers/stub-provider-answers.js';
import { type Answer, bytesAnswer, jsonAnswer, ndjsonAnswer } from './stand-in-answer.js';
import { sharedAnswer } from './stand-in-openai.js';
import { type Counts, countsOf, wordsOf } from './stand-in-tokens.js';

export const OLLAMA_MODELS = ['llama3.2:latest', 'qwen3:8b', 'nomic-embed-text:latest'];
const AT = '2026-11-21T09:00:00.000000Z';
const DETAILS = { format: 'gguf', family: 'llama', parameter_size: '3.2B', quantization_level: 'Q4_K_M' };

/** The answer to `path`; `undefined` where Ollama has none. Any model is there but `missing`. */
export function ollamaAnswer(method: string, path: string, body: Fields, count: number): Answer | undefined {
  if (path === '/') return bytesAnswer('text/plain; charset=utf-8', Buffer.from('Ollama is running'));
  const read = method === 'GET' || method === 'HEAD' ? readAnswer(path) : undefined;
  if (read !== undefined) return read;
  if (method !== 'POST') return undefined;
  const model = body['model'] ?? body['name'];
  if (typeof model !== 'string' || model === '') return jsonAnswer({ error: 'model is required' }, 400);
  if (model === 'missing') return jsonAnswer({ error: `model '${model}' not found` }, 404);
  if (path.startsWith('/v1/')) return sharedAnswer(path.slice(3), body, count, 'ollama');
  if (path === '/api/show') return jsonAnswer({ license: 'MIT', modelfile: '# stand-in', details: DETAILS });
  if (path === '/api/embed') return jsonAnswer(embed(model, body));
  if (path === '/api/embeddings') return jsonAnswer({ embedding: [0.25, -0.5, 1] });
  return path === '/api/chat' || path === '/api/generate' ? generated(path, model, body) : undefined;
}

function readAnswer(path: string): Answer | undefined {
  const models = OLLAMA_MODELS.map((name) => ({ name, model: name, size: 2_019_393_189, details: DETAILS }));
  if (path === '/api/tags') {
    return jsonAnswer({ models: models.map((model) => ({ ...model, modified_at: AT, digest: 'a80c4f17acd5' })) });
  }
  if (path === '/api/ps') return jsonAnswer({ models: [{ ...models[0], expires_at: AT, size_vram: 2_019_393_189 }] });
  if (path === '/api/version') return jsonAnswer({ version: '0.12.6' });
  const listed = (id: string) => ({ id, object: 'model', created: 1_790_000_000, owned_by: 'library' });
  if (path === '/v1/models') return jsonAnswer({ object: 'list', data: OLLAMA_MODELS.map(listed) });
  return path.startsWith('/v1/models/') ? jsonAnswer(listed(decodeURIComponent(path.slice(11)))) : undefined;
}

function embed(model: string, body: Fields): Fields {
  const inputs = Array.isArray(body['input']) ? body['input'] : [body['input']];
  const embeddings = inputs.map(() => [0.25, -0.5, 1]);
  return { model, embeddings, total_duration: 9, load_duration: 1, prompt_eval_count: countsOf(body).input };
}

function generated(path: string, model: string, body: Fields): Answer {
  const isChat = path === '/api/chat';
  const head = { model, created_at: AT };
  const say = (text: string) => (isChat ? { message: { role: 'assistant', content: text } } : { response: text });
  if (isLoad(isChat, body)) return jsonAnswer({ ...head, ...say(''), done: true, done_reason: 'load' });
  const counts = countsOf(body);
  const last = { done: true, done_reason: counts.limited ? 'length' : 'stop', ...durations(counts) };
  const words = wordsOf(counts.perChoice);
  if (body['stream'] === false) return jsonAnswer({ ...head, ...say(words.join('')), ...last });
  const chunks = words.map((word) => ({ ...head, ...say(word), done: false }));
  return ndjsonAnswer([...chunks, { ...head, ...say(''), ...last }]);
}

/** A request without a prompt only loads the model. */
function isLoad(isChat: boolean, body: Fields): boolean {
  const messages = body['messages'];
  return isChat ? !Array.isArray(messages) || messages.length === 0 : (body['prompt'] ?? '') === '';
}

function durations(counts: Counts): Fields {
  const counted = { prompt_eval_count: counts.input, eval_count: counts.output };
  return { total_duration: 90_000_000, load_duration: 1_000_000, ...counted, eval_duration: 80_000_000 };
}
