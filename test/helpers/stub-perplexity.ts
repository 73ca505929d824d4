/** What Perplexity's API says, written by hand after its own client's types and the recorded exchanges. */
import type { ScriptedAnswer, ScriptedRequest } from './scripted-server.js';

type Fields = Record<string, unknown>;

export const WORDS = ['Größe ', '水 🌊 ', 'done.'];
const TEXT = WORDS.join('');

export const CHAT_USAGE = {
  prompt_tokens: 33,
  completion_tokens: 60,
  total_tokens: 93,
  citation_tokens: 20_016,
  num_search_queries: 18,
  reasoning_tokens: 740,
  search_context_size: 'low',
  cost: { input_tokens_cost: 0.0001, output_tokens_cost: 0.0002, request_cost: 0.005, total_cost: 0.1373 },
};
export const AGENT_USAGE = {
  input_tokens: 400,
  output_tokens: 30,
  total_tokens: 430,
  input_tokens_details: { cache_read_input_tokens: 128, cache_creation_input_tokens: 16 },
  tool_calls_details: { web_search: { invocation: 3 } },
  cost: { currency: 'USD', input_cost: 0.001, output_cost: 0.002, tool_calls_cost: 0.015, total_cost: 0.018 },
};
export const EMBED_USAGE = {
  prompt_tokens: 8,
  total_tokens: 8,
  cost: { currency: 'USD', input_cost: 0.00001, total_cost: 0.00001 },
};

const UUID = 'aced166e-c42e-42ea-941e-24477b14';
let count = 0;
const nextId = () => {
  count += 1;
  return `${UUID}${String(count).padStart(4, '0')}`;
};

export function chatAnswer(id: string, model: unknown): Fields {
  const choice = { index: 0, message: { role: 'assistant', content: TEXT }, delta: { role: 'assistant', content: '' } };
  return {
    id,
    model,
    created: 1_790_000_000,
    usage: CHAT_USAGE,
    citations: ['https://example.org/a'],
    object: 'chat.completion',
    choices: [{ ...choice, finish_reason: 'stop' }],
  };
}

/** Every chunk repeats the usage as it stands, its cost 0 until the last. */
export function chatEvents(id: string, model: unknown): Fields[] {
  const head = { id, model, created: 1_790_000_000 };
  const running = { input_tokens_cost: 0, output_tokens_cost: 0, total_cost: 0 };
  const chunks = WORDS.map((word, at) => ({
    ...head,
    usage: { prompt_tokens: 33, completion_tokens: at + 1, total_tokens: 34 + at, cost: running },
    object: 'chat.completion.chunk',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: WORDS.slice(0, at + 1).join('') },
        delta: { role: 'assistant', content: word },
      },
    ],
  }));
  return [...chunks, { ...chatAnswer(id, model), object: 'chat.completion.done' }];
}

export function agentAnswer(id: string, model: unknown, status = 'completed', background = false): Fields {
  const message = {
    type: 'message',
    id: 'm',
    role: 'assistant',
    status,
    content: [{ type: 'output_text', text: TEXT }],
  };
  const isDone = status === 'completed' || status === 'requires_action';
  const head = { id, object: 'response', created_at: 1, model, status, background };
  return isDone ? { ...head, output: [message], usage: AGENT_USAGE } : { ...head, output: [] };
}

export function agentEvents(id: string, model: unknown): Fields[] {
  const numbered = (type: string, rest: Fields) => ({ type, sequence_number: 0, ...rest });
  return [
    numbered('response.created', { response: agentAnswer(id, model, 'in_progress') }),
    numbered('response.reasoning.search_queries', { queries: ['a'] }),
    ...WORDS.map((delta) => numbered('response.output_text.delta', { delta, item_id: 'm', output_index: 0 })),
    numbered('response.completed', { response: agentAnswer(id, model) }),
  ];
}

/** One API: asynchronous chats and background answers are done at their second poll. */
export function perplexityScript(): (request: ScriptedRequest) => ScriptedAnswer {
  const polls = new Map<string, number>();
  const isDone = (id: string) => {
    polls.set(id, (polls.get(id) ?? 0) + 1);
    return polls.get(id)! >= 2;
  };
  return ({ method, path, body }) => {
    const unknown = Object.keys(body).find((name) => /usage_?metadata/i.test(name));
    if (unknown !== undefined) return { status: 400, json: { error: { message: `unknown field ${unknown}` } } };
    const streamed = body['stream'] === true;
    const { model } = body;
    if (path === '/chat/completions') {
      return streamed ? { events: chatEvents(nextId(), model) } : { json: chatAnswer(nextId(), model) };
    }
    if (path === '/v1/responses') {
      if (streamed) return { events: agentEvents(nextId(), model) };
      const inBackground = body['background'] === true;
      return { json: agentAnswer(nextId(), model, inBackground ? 'queued' : 'completed', inBackground) };
    }
    if (path === '/search') return { json: { id: nextId(), results: [{ title: 't', url: 'u', snippet: 's' }] } };
    if (path.endsWith('embeddings')) return { json: { object: 'list', model, data: [], usage: EMBED_USAGE } };
    if (path === '/async/chat/completions' && method === 'POST') {
      const asked = body['request'] as Fields;
      return { json: { id: nextId(), model: asked['model'], created_at: 1, status: 'CREATED', response: null } };
    }
    const asyncId = /^\/async\/chat\/completions\/(.+)$/.exec(path)?.[1];
    if (asyncId !== undefined) {
      const head = { id: asyncId, model: 'sonar-deep-research', created_at: 1 };
      return isDone(asyncId)
        ? { json: { ...head, status: 'COMPLETED', response: chatAnswer(nextId(), 'sonar-deep-research') } }
        : { json: { ...head, status: 'IN_PROGRESS', response: null } };
    }
    const agentId = /^\/v1\/responses\/([^/]+)$/.exec(path)?.[1];
    if (agentId !== undefined) {
      return { json: agentAnswer(agentId, 'openai/gpt-5', isDone(agentId) ? 'completed' : 'in_progress', true) };
    }
    return { json: { id: 'x', data: [], requests: [] } };
  };
}
