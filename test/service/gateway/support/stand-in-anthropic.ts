/** The stand-in as Anthropic. */
import { type Fields, wholeMessage } from '../../../helpers/stub-anthropic-answers.js';
import { type Answer, jsonAnswer, sseAnswer } from './stand-in-answer.js';
import { type Counts, countsOf, wordsOf } from './stand-in-tokens.js';

export const ANTHROPIC_MODELS = ['claude-sonnet-4-5', 'claude-haiku-4-5'];

/** The answer to `path` below `/v1`; `undefined` where there is none. */
export function anthropicAnswer(method: string, path: string, body: Fields, count: number): Answer | undefined {
  const headers = { 'request-id': `req_${count}`, 'anthropic-ratelimit-requests-remaining': '49' };
  if (method === 'GET' && path === '/models') {
    const data = ANTHROPIC_MODELS.map(modelOf);
    return jsonAnswer({ data, has_more: false, first_id: data[0]!['id'], last_id: data.at(-1)!['id'] }, 200, headers);
  }
  if (method === 'GET' && path.startsWith('/models/')) return jsonAnswer(modelOf(decodeURIComponent(path.slice(8))));
  if (method !== 'POST') return undefined;
  if (path === '/messages/count_tokens') return jsonAnswer({ input_tokens: countsOf(body).input }, 200, headers);
  if (path !== '/messages') return undefined;
  if (typeof body['max_tokens'] !== 'number') return invalid('max_tokens: Field required');
  const id = `msg_${count}`;
  const counts = countsOf(body);
  if (body['stream'] === true) return sseAnswer(events(id, body, counts), { named: true, done: false, headers });
  return jsonAnswer(message(id, body, counts), 200, headers);
}

function invalid(text: string): Answer {
  return jsonAnswer({ type: 'error', error: { type: 'invalid_request_error', message: text } }, 400);
}

function message(id: string, body: Fields, counts: Counts): Fields {
  const whole = wholeMessage(id, body);
  const usage = usageOf(counts);
  if (isToolCall(whole)) return { ...whole, usage };
  const content = [{ type: 'text', text: wordsOf(counts.perChoice).join('') }];
  return { ...whole, content, stop_reason: counts.limited ? 'max_tokens' : 'end_turn', usage };
}

/** The output count of the first event is a placeholder, the last one has the word. */
function events(id: string, body: Fields, counts: Counts): Fields[] {
  const { content, stop_reason: reason, usage, ...head } = message(id, body, counts);
  const [block] = content as [Fields];
  const isTool = block['type'] === 'tool_use';
  const pieces = isTool ? ['{"city":', '"Ghent"}'] : wordsOf(counts.perChoice);
  const deltaOf = (piece: string) =>
    isTool ? { type: 'input_json_delta', partial_json: piece } : { type: 'text_delta', text: piece };
  const started = { ...head, content: [], stop_reason: null, usage: { ...(usage as Fields), output_tokens: 1 } };
  return [
    { type: 'message_start', message: started },
    { type: 'content_block_start', index: 0, content_block: isTool ? { ...block, input: {} } : { ...block, text: '' } },
    { type: 'ping' },
    ...pieces.map((piece) => ({ type: 'content_block_delta', index: 0, delta: deltaOf(piece) })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: counts.output },
    },
    { type: 'message_stop' },
  ];
}

function isToolCall(whole: Fields): boolean {
  return (whole['content'] as Fields[])[0]!['type'] === 'tool_use';
}

/** Anthropic's input count excludes what the cache gave. */
function usageOf(counts: Counts): Fields {
  return {
    input_tokens: counts.input - counts.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: counts.cached,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: counts.output,
    service_tier: 'standard',
  };
}

function modelOf(id: string): Fields {
  return { type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' };
}
