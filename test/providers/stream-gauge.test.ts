/** Gauges of streamed answers: what they count, and how they end an answer in the middle of anything. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestReading } from '../../src/providers/adapter.js';
import { createStreamGauge } from '../../src/providers/cut/create-gauge.js';
import type { GaugeOptions, StreamGauge } from '../../src/providers/cut/stream-gauge.js';

const OPTIONS: GaugeOptions = { inputTokens: () => 7, nowMs: () => 1_790_000_000_000, newId: () => 'made' };

function gauge(endpoint: string, more: object = {}, options: Partial<GaugeOptions> = {}): StreamGauge {
  const reading = { endpoint, known: true, kind: 'call', streaming: true, model: 'asked', ...more } as RequestReading;
  return createStreamGauge(reading, { ...OPTIONS, ...options })!;
}

/** The values of the events or lines that end an answer. */
function endOf(ended: StreamGauge): Record<string, unknown>[] {
  return ended
    .ending()
    .toString('utf8')
    .split('\n')
    .map((line) => line.replace(/^data: /, ''))
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

const chunk = (delta: object, more: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 5,
  model: 'gpt',
  system_fingerprint: 'fp',
  choices: [{ index: 0, delta, finish_reason: null }],
  ...more,
});

describe('a gauge of a chat', () => {
  it('counts each piece as a token, and all of them at least by their bytes', () => {
    const watched = gauge('chat.completions');
    watched.data(JSON.stringify(chunk({ role: 'assistant', content: '' })));
    expect(watched.outputTokens).toBe(0);
    for (const content of ['a', 'b', 'c']) watched.data(JSON.stringify(chunk({ content })));
    expect(watched.outputTokens).toBe(3);
    watched.data(JSON.stringify(chunk({ content: 'x'.repeat(397) })));
    expect(watched.outputTokens).toBe(100);
    watched.data(JSON.stringify(chunk({ reasoning_content: 'y'.repeat(40) })));
    watched.data(JSON.stringify(chunk({ tool_calls: [{ index: 0, function: { name: 'f', arguments: '{"a":' } }] })));
    expect(watched.outputTokens).toBe(112);
  });

  it('counts what it skims like what it parses', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 20 }), (pieces) => {
        const skimmed = gauge('chat.completions');
        const parsed = gauge('chat.completions');
        for (const content of ['first', ...pieces]) {
          const text = JSON.stringify(chunk({ content }));
          skimmed.data(text);
          parsed.chunk(JSON.parse(text));
        }
        // Escaped, a character is longer than it is.
        expect(skimmed.outputTokens).toBeGreaterThanOrEqual(parsed.outputTokens);
        expect(skimmed.outputTokens).toBeLessThanOrEqual(parsed.outputTokens * 2);
        expect(skimmed.ending().length).toBe(parsed.ending().length);
      }),
    );
  });

  it("takes the provider's own running total, and not one that cannot be", () => {
    const watched = gauge('chat.completions');
    watched.chunk(chunk({ content: 'x'.repeat(400) }, { usage: { prompt_tokens: 9, completion_tokens: 61 } }));
    expect(watched.outputTokens).toBe(61);
    watched.chunk(chunk({ content: 'y'.repeat(40) }));
    expect(watched.outputTokens).toBe(71);
    watched.chunk(chunk({ content: 'z'.repeat(4_000) }, { usage: { prompt_tokens: 9, completion_tokens: 62 } }));
    expect(watched.outputTokens).toBe(1_071);
    const beside = gauge('chat.completions');
    beside.chunk({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 115 } });
    expect(beside.outputTokens).toBe(105);
  });

  it('ends every choice that is open, the usage that was asked for, and the stream', () => {
    const watched = gauge('chat.completions', { choicesAsked: 3 });
    watched.chunk(chunk({ role: 'assistant', content: 'a' }, { usage: null }));
    watched.chunk({ choices: [{ index: 1, delta: { role: 'assistant' }, finish_reason: 'stop' }], usage: null });
    const end = endOf(watched);
    expect(end.map(({ choices }) => choices)).toEqual([
      [{ index: 0, delta: {}, logprobs: null, finish_reason: 'length' }],
      [{ index: 2, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: 'length' }],
      [],
    ]);
    expect(end[0]).toMatchObject({ id: 'chatcmpl-1', created: 5, model: 'gpt', system_fingerprint: 'fp', usage: null });
    expect(end[2]!['usage']).toEqual({ prompt_tokens: 7, completion_tokens: 1, total_tokens: 8 });
    expect(watched.ending().toString()).toMatch(/data: \[DONE\]\n\n$/);
  });

  it('says nothing of usage that nobody asked for', () => {
    const injected = gauge('chat.completions', {}, { isUsageAsked: false });
    injected.chunk(chunk({ role: 'assistant', content: 'a' }, { usage: null }));
    expect(injected.ending().toString()).not.toContain('usage');
    const plain = gauge('chat.completions');
    plain.chunk(chunk({ role: 'assistant', content: 'a' }));
    expect(plain.ending().toString()).not.toContain('usage');
    const asked = gauge('chat.completions', {}, { isUsageAsked: true });
    asked.chunk(chunk({ role: 'assistant', content: 'a' }));
    expect(endOf(asked).at(-1)!['usage']).toMatchObject({ completion_tokens: 1 });
  });

  it('has nothing to end after the end, and after an error', () => {
    const done = gauge('chat.completions');
    done.data('[DONE]');
    const broken = gauge('chat.completions');
    broken.chunk({ error: { message: 'no' } });
    for (const watched of [done, broken]) {
      expect(watched.isOver).toBe(true);
      expect(watched.ending()).toHaveLength(0);
    }
  });

  it('ends an answer of which nothing came', () => {
    expect(endOf(gauge('chat.completions'))[0]).toMatchObject({
      id: 'chatcmpl-made',
      model: 'asked',
      created: 1790000000,
    });
    expect(endOf(gauge('completions'))[0]).toMatchObject({ id: 'cmpl-made', object: 'text_completion' });
    expect(endOf(gauge('responses')).map(({ type }) => type)).toEqual(['response.created', 'response.incomplete']);
    expect(endOf(gauge('messages')).map(({ type }) => type)).toEqual([
      'message_start',
      'message_delta',
      'message_stop',
    ]);
    expect(endOf(gauge('complete'))[0]).toMatchObject({ type: 'completion', stop_reason: 'max_tokens' });
    expect(endOf(gauge('api.chat'))[0]).toMatchObject({
      model: 'asked',
      done: true,
      prompt_eval_count: 7,
      eval_count: 0,
    });
    expect(endOf(gauge('models.streamGenerateContent'))[0]).toMatchObject({ modelVersion: 'asked' });
  });
});

describe('a gauge of messages', () => {
  const start = { type: 'message_start', message: { id: 'msg_1', model: 'claude', usage: { output_tokens: 8 } } };

  it.each([
    ['text', { type: 'text', text: '' }, { type: 'text_delta', text: 'some words' }],
    ['a tool call', { type: 'tool_use', id: 't', name: '' }, { type: 'input_json_delta', partial_json: '{"city": "' }],
    ['thinking', { type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: 'let me see' }],
  ])('ends inside %s', (_name, block, delta) => {
    const watched = gauge('messages');
    watched.chunk(start);
    watched.chunk({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } });
    watched.chunk({ type: 'content_block_stop', index: 0 });
    watched.chunk({ type: 'content_block_start', index: 1, content_block: block });
    expect(watched.outputTokens).toBe(0);
    watched.chunk({ type: 'content_block_delta', index: 1, delta });
    expect(watched.outputTokens).toBe(3);
    expect(endOf(watched)).toEqual([
      { type: 'content_block_stop', index: 1 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'max_tokens', stop_sequence: null },
        usage: { output_tokens: 3 },
      },
      { type: 'message_stop' },
    ]);
    expect(watched.ending().toString()).toContain('event: message_delta\ndata: {');
  });

  it('adds only what is missing behind the stop reason', () => {
    const watched = gauge('messages');
    watched.chunk(start);
    watched.chunk({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 12 } });
    expect(watched.outputTokens).toBe(12);
    expect(endOf(watched)).toEqual([{ type: 'message_stop' }]);
    watched.chunk({ type: 'message_stop' });
    expect(watched.ending()).toHaveLength(0);
  });
});

describe('gauges of other answers', () => {
  it('closes what is open of a response, with all that it said', () => {
    const watched = gauge('responses');
    const events = [
      { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [], usage: null } },
      {
        type: 'response.output_item.added',
        output_index: 0,
        item: { id: 'a', type: 'message', status: 'in_progress', content: [] },
      },
      {
        type: 'response.content_part.added',
        output_index: 0,
        item_id: 'a',
        content_index: 0,
        part: { type: 'output_text', text: '' },
      },
      { type: 'response.output_text.delta', output_index: 0, item_id: 'a', content_index: 0, delta: 'Hel' },
      { type: 'response.output_text.delta', output_index: 0, item_id: 'a', content_index: 0, delta: 'lo' },
      {
        type: 'response.output_item.added',
        output_index: 1,
        item: { id: 'b', type: 'function_call', call_id: 'c', name: 'f', arguments: '', status: 'in_progress' },
      },
      { type: 'response.function_call_arguments.delta', output_index: 1, item_id: 'b', delta: '{"a' },
    ];
    for (const [index, event] of events.entries()) watched.chunk({ ...event, sequence_number: index });
    const end = endOf(watched);
    expect(end.map(({ type, sequence_number }) => [sequence_number, type])).toEqual([
      [7, 'response.output_text.done'],
      [8, 'response.content_part.done'],
      [9, 'response.output_item.done'],
      [10, 'response.function_call_arguments.done'],
      [11, 'response.output_item.done'],
      [12, 'response.incomplete'],
    ]);
    expect(end[1]).toMatchObject({ item_id: 'a', content_index: 0, part: { type: 'output_text', text: 'Hello' } });
    expect(end[3]).toMatchObject({ item_id: 'b', arguments: '{"a' });
    expect(end[5]!['response']).toMatchObject({
      id: 'resp_1',
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [
        { id: 'a', status: 'incomplete' },
        { id: 'b', status: 'incomplete', arguments: '{"a' },
      ],
      usage: { input_tokens: 7, output_tokens: 4, total_tokens: 11 },
    });
  });

  it('ends lines of Ollama with its counts', () => {
    const watched = gauge('api.generate');
    watched.chunk({ model: 'llama', created_at: '2026-01-01T00:00:00Z', response: '', thinking: 'hm', done: false });
    watched.chunk({ model: 'llama', created_at: '2026-01-01T00:00:01Z', response: 'yes', done: false });
    expect(watched.ending().toString()).toBe(
      '{"model":"llama","created_at":"2026-01-01T00:00:01Z","response":"","done":true,"done_reason":"length","prompt_eval_count":7,"eval_count":2}\n',
    );
  });

  it("counts Google's thoughts, and ends every candidate", () => {
    const watched = gauge('models.streamGenerateContent', { candidatesAsked: 2 });
    const candidates = [{ index: 0, content: { parts: [{ text: 'x' }] } }];
    const usageMetadata = {
      promptTokenCount: 20,
      candidatesTokenCount: 50,
      thoughtsTokenCount: 260,
      totalTokenCount: 330,
    };
    watched.chunk({ candidates, usageMetadata, responseId: 'r', modelVersion: 'gemini' });
    expect(watched.outputTokens).toBe(310);
    watched.chunk({ candidates: [{ index: 1, content: { parts: [{ text: 'done' }] }, finishReason: 'STOP' }] });
    const [end] = endOf(watched);
    expect(end).toMatchObject({ candidates: [{ index: 0, finishReason: 'MAX_TOKENS' }], responseId: 'r' });
    expect(end!['usageMetadata']).toMatchObject({
      promptTokenCount: 20,
      candidatesTokenCount: 51,
      totalTokenCount: 331,
    });
    watched.chunk({ candidates: [{ index: 0, finishReason: 'STOP' }] });
    expect(watched.isOver).toBe(true);
  });

  it('is none for answers that only their provider can end', () => {
    for (const endpoint of ['audio.speech', 'audio.transcriptions', 'embeddings', 'interactions', 'whatever']) {
      expect(gauge(endpoint)).toBeUndefined();
    }
    expect(gauge('responses', { background: true })).toBeUndefined();
    expect(gauge('chat.completions', { streaming: false })).toBeUndefined();
    expect(gauge('chat.completions', { known: false })).toBeUndefined();
  });

  const ENDPOINTS = [
    'chat.completions',
    'completions',
    'responses',
    'messages',
    'complete',
    'api.chat',
    'api.generate',
  ];

  it('takes anything without a word', () => {
    const hostile = fc.oneof(
      fc.jsonValue(),
      fc.record({ type: fc.constant('content_block_start'), index: fc.jsonValue() }),
    );
    const named = fc.dictionary(
      fc.constantFrom('choices', 'delta', 'usage', 'candidates', 'output_index', 'item', 'part', 'message', 'type'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(hostile, named), { maxLength: 6 }), (values) => {
        for (const endpoint of [...ENDPOINTS, 'models.streamGenerateContent']) {
          const watched = gauge(endpoint);
          for (const value of values) {
            watched.data(JSON.stringify(value));
            watched.chunk(value);
          }
          watched.data('{not json');
          expect(watched.outputTokens).toBeGreaterThanOrEqual(0);
          expect(Buffer.isBuffer(watched.ending())).toBe(true);
        }
      }),
    );
  });
});
