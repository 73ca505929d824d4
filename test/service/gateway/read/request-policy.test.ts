import { describe, expect, it } from 'vitest';
import { Failure } from '../../../../service/gateway/http/failure.js';
import { arrived, reader } from '../read-support.js';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const MESSAGES = '/v1/messages';
const user = (content: unknown) => [{ role: 'user', content }];

function codeOf(path: string, body: Record<string, unknown>, allowHostedTools = false): string {
  const model = path === MESSAGES ? 'claude-haiku-4-5' : 'gpt-5';
  const result = reader({ allowHostedTools })(arrived(path, { model, max_tokens: 10, ...body }));
  return result instanceof Failure ? result.code : 'sent';
}

describe('what is not forwarded', () => {
  it.each([
    ['an earlier answer', RESPONSES, { previous_response_id: 'resp_1' }],
    ['a conversation', RESPONSES, { conversation: 'conv_1' }],
    ['a conversation as an object', RESPONSES, { conversation: { id: 'conv_1' } }],
    ['a stored prompt', RESPONSES, { prompt: { id: 'pmpt_1' } }],
    ['an item of an earlier answer', RESPONSES, { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['a stored file', RESPONSES, { input: user([{ type: 'input_file', file_id: 'file_1' }]) }],
    ['a stored image', RESPONSES, { input: user([{ type: 'input_image', file_id: 'file_1' }]) }],
    [
      'a stored image behind a tool',
      RESPONSES,
      { input: [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', file_id: 'f' }] }] },
    ],
    ['a stored file of a chat', CHAT, { messages: user([{ type: 'file', file: { file_id: 'file_1' } }]) }],
    ['the sound of an earlier answer', CHAT, { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }],
    [
      'a stored document',
      MESSAGES,
      { messages: user([{ type: 'document', source: { type: 'file', file_id: 'file_1' } }]) },
    ],
    ['a file of a container', MESSAGES, { messages: user([{ type: 'container_upload', file_id: 'file_1' }]) }],
    ['a container', MESSAGES, { container: 'container_1' }],
    ['a container with skills', MESSAGES, { container: { id: 'container_1', skills: [] } }],
    ['a vector store', RESPONSES, { tools: [{ type: 'file_search', vector_store_ids: ['vs_1'] }] }],
    ['a container of a tool', RESPONSES, { tools: [{ type: 'code_interpreter', container: 'cntr_1' }] }],
    [
      'files of a tool',
      RESPONSES,
      { tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['f'] } }] },
    ],
  ])('%s, which every key could read, also where hosted tools are allowed', (_, path, body) => {
    expect(codeOf(path, body)).toBe('shared_state_not_supported');
    expect(codeOf(path, body, true)).toBe('shared_state_not_supported');
  });

  it('is told in escapes as well as without', () => {
    const body =
      '{"model":"gpt-5","input":[{"role":"user","content":[{"type":"input_\\u0066ile","\\u0066ile_id":"x"}]}]}';
    expect(reader()(arrived(RESPONSES, body))).toMatchObject({ code: 'shared_state_not_supported' });
  });

  it('is work that goes on behind the answer, and another model than the one that is decided on', () => {
    expect(codeOf(RESPONSES, { background: true })).toBe('background_not_supported');
    expect(codeOf(RESPONSES, { background: false })).toBe('sent');
    expect(codeOf(CHAT, { models: ['gpt-5', 'gpt-5-pro'] })).toBe('unsupported_parameter');
  });

  it.each([
    ['a search of the Responses API', RESPONSES, { tools: [{ type: 'web_search' }] }],
    ['a tool of an unknown kind', RESPONSES, { tools: [{ type: 'new_kind' }] }],
    ['a server of the provider', RESPONSES, { tools: [{ type: 'mcp', server_url: 'https://x' }] }],
    ['an image within an answer', RESPONSES, { tools: [{ type: 'image_generation' }] }],
    ['a sandbox', RESPONSES, { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }],
    ['a search of a chat', CHAT, { web_search_options: {} }],
    ['a search of Anthropic', MESSAGES, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['a server of Anthropic', MESSAGES, { mcp_servers: [{ type: 'url', url: 'https://x' }] }],
  ])('%s costs apart from tokens: only where it is allowed, and then without a bound', (_, path, body) => {
    expect(codeOf(path, body)).toBe('hosted_tool_not_allowed');
    const model = path === MESSAGES ? 'claude-haiku-4-5' : 'gpt-5';
    const call = reader({ allowHostedTools: true })(arrived(path, { model, ...body }));
    expect(call).toMatchObject({ bound: { unbounded: expect.any(String) } });
  });

  it('is a place of computing that has a price of its own', () => {
    expect(codeOf(MESSAGES, { inference_geo: 'us' })).toBe('unsupported_parameter');
    expect(codeOf(MESSAGES, { inference_geo: 'global' })).toBe('sent');
  });
});

describe('what is forwarded', () => {
  it.each([
    ['functions', CHAT, { tools: [{ type: 'function', function: { name: 'f', parameters: {} } }] }],
    [
      'functions of the Responses API',
      RESPONSES,
      {
        tools: [
          { type: 'function', name: 'f' },
          { type: 'custom', name: 'g' },
        ],
      },
    ],
    [
      'tools that the caller runs',
      MESSAGES,
      {
        tools: [
          { name: 'f', input_schema: {} },
          { type: 'bash_20250124', name: 'bash' },
          { type: 'text_editor_20250728', name: 'e' },
        ],
      },
    ],
    [
      'a parameter that is called file_id',
      CHAT,
      {
        tools: [
          { type: 'function', function: { name: 'f', parameters: { properties: { file_id: { type: 'string' } } } } },
        ],
      },
    ],
    [
      'an argument that is called file_id',
      MESSAGES,
      {
        messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: { file_id: 'x' } }] }],
      },
    ],
    [
      'an image as data',
      CHAT,
      { messages: user([{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }]) },
    ],
    ['storing an answer', RESPONSES, { store: true }],
    ['a tier', CHAT, { service_tier: 'priority' }],
    ['a text prompt', '/v1/completions', { prompt: 'text' }],
    ['explicit nothing', RESPONSES, { previous_response_id: null, conversation: null, prompt: null, background: null }],
  ])('%s', (_, path, body) => {
    expect(codeOf(path, body)).toBe('sent');
  });
});
