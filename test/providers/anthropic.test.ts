import { describe, expect, it } from 'vitest';
import { anthropicAdapter, readAnthropicRequest } from '../../src/providers/anthropic.js';
import { bedrockEventOf, EventStreamDecoder } from '../../src/providers/aws-event-stream.js';
import { bedrockConverseAdapter } from '../../src/providers/bedrock-converse.js';
import { bedrockModel } from '../../src/providers/bedrock-model.js';
import { exceptionFrame, frameOf, messageEvents, TEXT } from '../helpers/stub-anthropic-answers.js';

const HOST = 'https://api.anthropic.com';
const post = (path: string, body: unknown = {}, host = HOST) =>
  readAnthropicRequest({ method: 'POST', url: `${host}${path}`, body });
const get = (path: string) => readAnthropicRequest({ method: 'GET', url: `${HOST}${path}`, body: undefined });
const readerFor = (body: object = {}, host?: string) =>
  anthropicAdapter.createUsageReader(post('/v1/messages', { model: 'm', ...body }, host));

describe('the request', () => {
  it.each([
    ['/v1/messages', 'messages', 'call', true],
    ['/v1/messages?beta=true', 'messages', 'call', true],
    ['/anthropic/v1/messages/', 'messages', 'call', true],
    ['/v1/messages/batches', 'messages.batches', 'call', true],
    ['/v1/complete', 'complete', 'call', true],
    ['/v1/messages/count_tokens', 'v1.messages.count_tokens', 'free', true],
    ['/v1/messages/batches/msgbatch_1/cancel', 'v1.messages.batches.cancel', 'free', true],
    ['/v1/files', 'v1.files', 'free', true],
    ['/v1/agents/a/archive', 'v1.agents.a.archive', 'free', true],
    ['/v1/sessions', 'v1.sessions', 'call', false],
    ['/v1/sessions/sess_1/events', 'v1.sessions.events', 'call', false],
    ['/v1/something/new', 'v1.something.new', 'call', false],
  ])('POST %s is %s', (path, endpoint, kind, known) => {
    expect(post(path)).toMatchObject({ kind, known, endpoint: endpoint.replace('v1.', '') });
  });

  it.each([
    ['/v1/models', 'free'],
    ['/v1/messages/batches', 'free'],
    ['/v1/messages/batches/msgbatch_1', 'poll'],
    ['/v1/messages/batches/msgbatch_1/results', 'poll'],
  ])('GET %s is %s', (path, kind) => {
    expect(get(path)).toMatchObject({ kind, known: true });
  });

  it.each([
    ['/model/us.anthropic.claude-x-v1%3A0/invoke', 'us.anthropic.claude-x-v1:0', false],
    ['/model/anthropic.claude-v2/invoke-with-response-stream', 'anthropic.claude-v2', true],
    ['/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@1:streamRawPredict', 'claude-x@1', true],
  ])('the path of a cloud names the model: %s', (path, model, streaming) => {
    expect(post(path)).toMatchObject({ model, streaming, endpoint: 'messages', known: true });
    expect(post('/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict').kind).toBe('free');
  });

  it('tells tools, tier, temperature, images in tool results, and what capture keeps', () => {
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
    const messages = [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [image] }] }];
    const system = [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } }];
    const body = { model: 'm', messages, system, temperature: 0.5, service_tier: 'auto', tools: [{ name: 'look' }] };
    const reading = post('/v1/messages', body);
    expect(reading).toMatchObject({
      operationSubtype: 'function_call',
      requestedServiceTier: 'auto',
      temperature: 0.5,
      hasVisionContent: true,
    });
    expect(reading.prompts?.()).toEqual({ systemPrompt: 'be brief', inputMessages: messages });
    expect(reading.promptText()).toBe('be brief\nlook');
    expect(post('/v1/messages', { messages: [{ role: 'user', content: 'x' }] }).hasVisionContent).toBeUndefined();
    const document = [{ role: 'user', content: [{ type: 'document', source: {} }] }];
    expect(post('/v1/messages', { messages: document }).hasVisionContent).toBe(true);
  });

  it.each([null, 'text', [], { messages: 1, tools: {}, system: 7 }, { requests: [null, { params: 1 }] }])(
    'odd bodies harm nothing: %j',
    (body) => {
      const reading = post('/v1/messages/batches', body);
      expect([reading.promptText(), reading.model, reading.otherModels]).toEqual(['', undefined, []]);
      expect(() => post('/v1/messages', body).prompts?.()).not.toThrow();
    },
  );
});

describe('Bedrock’s model names (contract 6.6)', () => {
  it.each([
    ['claude-opus-4-7', 'anthropic.claude-opus-4-7'],
    ['us.claude-opus-4-7', 'us.anthropic.claude-opus-4-7'],
    ['claude-3-opus-20240229', 'anthropic.claude-3-opus-20240229-v1:0'],
    ['claude-3-sonnet-20240229', 'anthropic.claude-3-sonnet-20240229-v1:0'],
    // Haiku 3 stays Haiku 3.
    ['claude-3-haiku-20240307', 'anthropic.claude-3-haiku-20240307-v1:0'],
    ['claude-3-5-sonnet-20240620', 'anthropic.claude-3-5-sonnet-20240620-v1:0'],
    ['claude-3-5-sonnet-20241022', 'anthropic.claude-3-5-sonnet-20241022-v2:0'],
    ['claude-3-5-haiku-20241022', 'anthropic.claude-3-5-haiku-20241022-v1:0'],
    ['global.anthropic.claude-x', 'global.anthropic.claude-x'],
    ['us.amazon.nova-2-lite-v1:0', 'us.amazon.nova-2-lite-v1:0'],
    ['arn:aws:bedrock:us-east-1:1:inference-profile/claude', 'arn:aws:bedrock:us-east-1:1:inference-profile/claude'],
  ])('%s is %s', (model, id) => {
    expect(bedrockModel(model)).toBe(id);
  });
});

describe('the answer', () => {
  const usage = { input_tokens: 10, output_tokens: 20 };
  const message = (more: object) => ({ id: 'msg_1', model: 'm', content: [], stop_reason: 'end_turn', usage, ...more });

  it('tells thinking, server tools, tier, speed and place', () => {
    const reader = readerFor();
    reader.whole(
      message({
        usage: {
          ...usage,
          output_tokens_details: { thinking_tokens: 15 },
          server_tool_use: { web_search_requests: 2, web_fetch_requests: 0, code_execution_requests: 1 },
          service_tier: 'priority',
          speed: 'fast',
          inference_geo: 'us',
        },
      }),
    );
    expect(reader.reading()).toMatchObject({
      reasoningTokens: 15,
      outputTokens: 20,
      totalTokens: 30,
      serviceTier: 'priority',
      speed: 'fast',
      attributes: { webSearches: 2, codeExecutions: 1, inferenceGeo: 'us' },
      isPartial: false,
    });
    expect(reader.reading().attributes).not.toHaveProperty('webFetches');
    expect(reader.reading().cacheReadTokens).toBeUndefined();
  });

  it('counts a compaction, which is billed beside the answer, and marks what an advisor of another price did', () => {
    const iterations = [
      { type: 'compaction', input_tokens: 100, output_tokens: 5, cache_read_input_tokens: 1 },
      { type: 'message', ...usage },
    ];
    const reader = readerFor();
    reader.whole(message({ usage: { ...usage, iterations } }));
    expect(reader.reading()).toMatchObject({
      inputTokens: 110,
      outputTokens: 25,
      cacheReadTokens: 1,
      isPartial: false,
    });
    const other = readerFor();
    other.whole(message({ usage: { ...usage, iterations: [{ type: 'advisor_message', ...usage, model: 'x' }] } }));
    expect(other.reading()).toMatchObject({ inputTokens: 20, outputTokens: 40, isPartial: true });
  });

  it.each([
    ['end_turn', 'END'],
    ['pause_turn', 'END'],
    ['tool_use', 'END_SEQUENCE'],
    ['stop_sequence', 'END_SEQUENCE'],
    ['max_tokens', 'TOKEN_LIMIT'],
    ['model_context_window_exceeded', 'TOKEN_LIMIT'],
    ['refusal', 'ERROR'],
    ['something new', 'END'],
  ])('stop reason %s is %s (contract 6.1)', (reason, expected) => {
    const reader = readerFor();
    reader.whole(message({ stop_reason: reason }));
    expect(reader.reading().stopReason).toBe(expected);
  });

  it('of a stream, the last event has the word, and null says nothing', () => {
    const reader = readerFor();
    for (const event of messageEvents('msg_1', { model: 'm' }).slice(0, -2)) reader.chunk(event);
    expect(reader.reading()).toMatchObject({ inputTokens: 21, outputTokens: 1, isPartial: true, finished: false });
    const last = { input_tokens: null, output_tokens: 9, server_tool_use: { web_search_requests: 1 } };
    reader.chunk({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: last });
    expect(reader.reading()).toMatchObject({ inputTokens: 21, outputTokens: 9, isPartial: false, finished: true });
    expect(reader.reading()).toMatchObject({ outputText: TEXT, attributes: { webSearches: 1 } });
  });

  it.each([null, 'text', 7, [], {}, { usage: 'x' }, { type: 'message_start' }, { type: 'content_block_delta' }])(
    'a shape that nobody knows is unknown, and harms nothing: %j',
    (shape) => {
      const reader = readerFor();
      reader.chunk(shape);
      reader.whole(shape);
      const { inputTokens, outputTokens, isUnknownShape } = reader.reading();
      expect([inputTokens, outputTokens]).toEqual([undefined, undefined]);
      if (shape !== null && typeof shape === 'object' && !Array.isArray(shape)) expect(isUnknownShape).toBe(true);
    },
  );

  it('Bedrock’s own metrics count where Anthropic’s last word is missing', () => {
    const reader = readerFor({}, 'https://bedrock-runtime.us-east-1.amazonaws.com');
    const [start] = messageEvents('msg_1', { model: 'm' });
    reader.chunk(start);
    reader.chunk({
      type: 'message_stop',
      'amazon-bedrock-invocationMetrics': { inputTokenCount: 5, outputTokenCount: 72 },
    });
    expect(reader.reading()).toMatchObject({ inputTokens: 21, outputTokens: 72, isPartial: false });
  });
});

describe('AWS’s event streams', () => {
  const events = messageEvents('msg_1', { model: 'm' });
  const bytes = Buffer.concat(events.map(frameOf));

  it.each([1, 2, 3, 5, 11, 13, 64, 1_000, 100_000])('are read from pieces of %i bytes', (size) => {
    const seen: unknown[] = [];
    const decoder = new EventStreamDecoder((frame) => seen.push(bedrockEventOf(frame)));
    for (let at = 0; at < bytes.length; at += size) decoder.push(bytes.subarray(at, at + size));
    expect(seen).toEqual(events);
    expect(decoder.overflowed).toBe(false);
  });

  it('tell an exception as an error', () => {
    const seen: unknown[] = [];
    new EventStreamDecoder((frame) => seen.push(bedrockEventOf(frame))).push(
      exceptionFrame('throttlingException', 'slow'),
    );
    expect(seen).toEqual([{ type: 'error', error: { type: 'throttlingException', message: 'slow' } }]);
  });

  it.each([
    ['text', Buffer.from('data: {"a":1}\n\n and more of it')],
    ['a frame that is said to be too long', Buffer.from([255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['headers longer than their frame', Buffer.from([0, 0, 0, 20, 0, 0, 1, 0, 0, 0, 0, 0])],
  ])('end the reading at bytes that are none: %s', (_name, odd) => {
    const seen: unknown[] = [];
    const decoder = new EventStreamDecoder((frame) => seen.push(frame));
    decoder.push(odd);
    decoder.push(bytes);
    expect([seen, decoder.overflowed]).toEqual([[], true]);
  });
});

describe('Converse', () => {
  it('is read by its path only, under the maker of the model', () => {
    const read = (url: string, method = 'POST') => bedrockConverseAdapter.readRequest({ method, url, body: {} });
    expect(read('https://b.amazonaws.com/model/us.amazon.nova-2-lite-v1%3A0/converse-stream')).toMatchObject({
      model: 'us.amazon.nova-2-lite-v1:0',
      modelSource: 'AMAZON',
      streaming: true,
    });
    expect(read('https://b.amazonaws.com/model/m/invoke')).toBeUndefined();
    expect(read('https://b.amazonaws.com/model/m/converse', 'GET')).toBeUndefined();
  });
});
