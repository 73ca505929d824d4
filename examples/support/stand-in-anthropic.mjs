// What the stand-in answers in Anthropic's protocol: messages, whole and streamed, and the results of a batch.
import { setTimeout as pause } from 'node:timers/promises';

const TEXT = 'A budget that is checked after the money is gone is a report.';
const USAGE = { input_tokens: 1_000, cache_creation_input_tokens: 0, cache_read_input_tokens: 40_000 };
let count = 0;

export const isAnthropicPath = (path) => path.startsWith('/v1/messages');

function message(model) {
  count += 1;
  const usage = { ...USAGE, output_tokens: 500, service_tier: 'standard' };
  const content = [{ type: 'text', text: TEXT }];
  const head = { id: `msg_standin${Date.now()}${count}`, type: 'message', role: 'assistant', model };
  return { ...head, content, stop_reason: 'end_turn', stop_sequence: null, usage };
}

function* events(model) {
  const { content: _content, stop_reason: _reason, usage, ...head } = message(model);
  const started = { ...head, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
  yield { type: 'message_start', message: started };
  yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
  for (const word of TEXT.split(' ')) {
    yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `${word} ` } };
  }
  yield { type: 'content_block_stop', index: 0 };
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  yield { type: 'message_delta', delta, usage: { output_tokens: usage.output_tokens } };
  yield { type: 'message_stop' };
}

export async function answerAnthropic(path, body, host, response) {
  const json = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (path === '/v1/messages' && !body.stream) return json(message(body.model));
  if (path === '/v1/messages') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events(body.model)) {
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      await pause(5);
    }
    return response.end();
  }
  if (path.endsWith('/count_tokens')) return json({ input_tokens: USAGE.input_tokens });
  if (path.endsWith('/results')) {
    const result = { type: 'succeeded', message: message('claude-haiku-4-5') };
    response.writeHead(200, { 'content-type': 'application/x-jsonl' });
    return response.end(`${JSON.stringify({ custom_id: 'first', result })}\n`);
  }
  const id = 'msgbatch_standin';
  const times = { created_at: new Date(Date.now() - 3_600_000).toISOString(), ended_at: new Date().toISOString() };
  const results_url = `http://${host}/v1/messages/batches/${id}/results`;
  return json({ id, type: 'message_batch', processing_status: 'ended', results_url, ...times });
}
