import { stripInjectedUsage } from 'fusewire/internal';
import { describe, expect, it } from 'vitest';
import { ConfiguredUpstream } from '../../../service/gateway/configured-upstream.js';
import { Failure } from '../../../service/gateway/http/failure.js';
import { createReadCall } from '../../../service/gateway/read-call.js';
import type { GatewayCall } from '../../../service/gateway/types.js';
import { arrived, callerOf, configOf, reader, upstreamOf } from './read-support.js';

const CHAT = '/v1/chat/completions';
const HELLO = [{ role: 'user', content: 'hello' }];

function callOf(result: GatewayCall | Failure): GatewayCall {
  if (result instanceof Failure) throw new Error(`${result.status} ${result.code}: ${result.message}`);
  return result;
}

function codeOf(result: GatewayCall | Failure): string {
  return result instanceof Failure ? `${result.status} ${result.code}` : `sent to ${result.upstream.name}`;
}

describe('a request that is read', () => {
  it.each([
    [CHAT, 'gpt-4o', 'openai', '/v1/chat/completions', 'OPENAI'],
    ['/v1/responses', 'gpt-5', 'openai', '/v1/responses', 'OPENAI'],
    ['/v1/embeddings', 'text-embedding-3-small', 'openai', '/v1/embeddings', 'OPENAI'],
    [CHAT, 'llama3', 'ollama', '/v1/chat/completions', 'OLLAMA'],
    ['/api/chat', 'llama3', 'ollama', '/api/chat', 'OLLAMA'],
    ['/api/embed', 'llama3', 'ollama', '/api/embed', 'OLLAMA'],
    ['/v1/messages?beta=true', 'claude-haiku-4-5', 'anthropic', '/v1/messages?beta=true', 'ANTHROPIC'],
    ['/v1/messages/count_tokens', 'claude-haiku-4-5', 'anthropic', '/v1/messages/count_tokens', 'ANTHROPIC'],
  ])('%s of %s goes to %s as it is', (path, model, upstream, upstreamPath, provider) => {
    const request = arrived(path, { model, messages: HELLO, input: 'hello', max_tokens: 5 });
    const call = callOf(reader()(request));
    expect(call.upstream.name).toBe(upstream);
    expect(call.upstreamPath).toBe(upstreamPath);
    expect(call.body).toBe(request.body);
    expect(call.rewrite).toBeUndefined();
    expect(call.reading).toMatchObject({ provider, model, idsAreUnique: false });
    expect(call.dimensions).toMatchObject({ provider, model, subscriberId: 'cus_one', credentialName: 'gk_one' });
  });

  it('is of the provider OLLAMA wherever the Ollama is, before the call and after it', () => {
    const config = configOf({ upstreams: [upstreamOf('ollama', 'ollama', 'https://gpu-7.internal:9000', '/o')] });
    const call = callOf(createReadCall(config)(arrived(CHAT, { model: 'llama3:latest', messages: HELLO })));
    expect(call.upstreamPath).toBe('/o/v1/chat/completions');
    expect(call.dimensions).toMatchObject({ provider: 'OLLAMA', model: 'llama3' });
    const usage = call.adapter.createUsageReader(call.reading);
    usage.whole({
      id: 'chatcmpl-1',
      model: 'llama3:latest',
      choices: [],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(usage.reading()).toMatchObject({ model: 'llama3', inputTokens: 1, outputTokens: 2 });
    expect(usage.reading().provider ?? 'OLLAMA').toBe('OLLAMA');
    expect(usage.reading().idsAreUnique ?? false).toBe(false);
  });

  it('of a provider whose name is configured keeps that name, and another model that answers than the one asked for', () => {
    const near = new ConfiguredUpstream(
      { name: 'near', protocol: 'openai', provider: 'NEAR' },
      { origin: 'https://near.example', basePath: '/v1' },
    );
    const routes = { aliases: new Map(), exact: new Map([['m', { upstream: near, model: 'm' }]]), patterns: [] };
    const call = callOf(reader({ routes })(arrived(CHAT, { model: 'm', messages: HELLO })));
    expect(call.dimensions).toMatchObject({ provider: 'NEAR', model: 'm' });
    const usage = call.adapter.createUsageReader(call.reading);
    usage.whole({ id: 'x', model: 'm-2026', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect(usage.reading().model).toBe('m-2026');
    expect(usage.reading().provider ?? 'NEAR').toBe('NEAR');
  });

  it('answers for lists of Ollama without a body', () => {
    const request = {
      ...arrived('/api/chat', ''),
      surface: { name: 'ollama.tags', dialect: 'ollama', kind: 'free', method: 'GET', path: '/api/tags' } as const,
      url: '/api/tags',
    };
    const call = callOf(reader()({ ...request, body: Buffer.alloc(0) }));
    expect(call).toMatchObject({ upstreamPath: '/api/tags', reading: { kind: 'free' } });
    expect(callOf(reader()(arrived('/api/show', { name: 'llama3' }))).upstreamPath).toBe('/api/show');
    expect(codeOf(reader()(arrived('/api/show', { name: 'a', model: 'b' })))).toBe('400 invalid_model');
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"model":"gpt-4o",}'],
    ['a list', '[]'],
    ['a text', '"gpt-4o"'],
    ['null', 'null'],
    ['a comment', '{"model":"gpt-4o"}//'],
    ['a model twice', '{"model":"gpt-4o-mini","messages":[],"model":"gpt-4o"}'],
    ['a model twice, once in an escape', '{"model":"gpt-4o-mini","\\u006dodel":"gpt-4o"}'],
    ['a model twice, once in capitals as Go reads it', '{"model":"gpt-4o-mini","Model":"gpt-4o"}'],
    ['a limit with a Kelvin sign as Go reads it', '{"model":"gpt-4o-mini","max_to\u212aens":1}'],
    ['a member with a long s', '{"model":"gpt-4o-mini","\u017ftream":true}'],
    ['any other member twice', '{"model":"gpt-4o-mini","x":1,"x":2}'],
    ['too deep', `{"model":"gpt-4o-mini","x":${'['.repeat(200)}${']'.repeat(200)}}`],
    ['far too deep', `{"model":"gpt-4o-mini","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['half a character of UTF-16', Buffer.from([0xff, 0xfe, 0x7b, 0x00])],
    ['compressed', Buffer.from([0x1f, 0x8b, 8, 0])],
  ])('is not sent with %s', (_, body) => {
    expect(codeOf(reader()(arrived(CHAT, body)))).toBe('400 invalid_body');
  });

  it('needs a model, and has one by itself only where there is no doubt', () => {
    expect(codeOf(reader()(arrived(CHAT, { messages: HELLO })))).toBe('400 missing_model');
    expect(codeOf(reader()(arrived('/v1/images/generations', { prompt: 'a cat' })))).toBe('400 missing_model');
    const moderation = callOf(reader()(arrived('/v1/moderations', { input: 'x' })));
    expect(moderation.reading.model).toBe('omni-moderation-latest');
    expect(moderation.body.toString()).toBe('{"input":"x"}');
  });

  it('is JSON by its header too, where a form could name another model', () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = '{"model":"gpt-4o-mini","messages":[],"x":"&model=gpt-4o"}';
    expect(codeOf(reader()(arrived(CHAT, body, { headers: form })))).toBe('400 invalid_content_type');
    const utf16 = { 'content-type': 'application/json; charset=utf-16' };
    expect(codeOf(reader()(arrived(CHAT, body, { headers: utf16 })))).toBe('400 invalid_content_type');
    expect(codeOf(reader()(arrived('/api/chat', { model: 'llama3', messages: [] }, { headers: form })))).toBe(
      'sent to ollama',
    );
  });

  it('does not read a prototype out of a body', () => {
    const call = callOf(
      reader()(arrived(CHAT, '{"__proto__":{"n":100,"model":"x"},"model":"gpt-4o","messages":[],"max_tokens":3}')),
    );
    expect(call.bound.outputTokensMax).toBe(3);
    expect(({} as { n?: unknown }).n).toBeUndefined();
    expect(codeOf(reader()(arrived(CHAT, '{"__proto__":{"model":"gpt-4o"}}')))).toBe('400 missing_model');
  });
});

describe('the two changes to a body (I3)', () => {
  const near = upstreamOf('near', 'openai', 'https://near.example', '/v1');
  const routes = {
    aliases: new Map([['fast', { upstream: near, model: 'real-model' }]]),
    exact: new Map(),
    patterns: [],
  };

  it('an alias puts another model there, and not one other byte is another', () => {
    const read = reader({ routes });
    const head = '\n{ "a" : 1.0e+2,"model" :\t';
    const tail = ' , "b": "\\u00e9 fast \\"model\\":\\"fast\\"",\r\n"c":[ {"model":"fast"} ]}  \n';
    const call = callOf(read(arrived(CHAT, `${head}"fast"${tail}`)));
    expect(call.body.toString()).toBe(`${head}"real-model"${tail}`);
    expect(call.reading.model).toBe('real-model');
    expect(call.upstream).toBe(near);
    const escaped = callOf(read(arrived(CHAT, '{"mod\\u0065l":"f\\u0061st","messages":[]}')));
    expect(escaped.body.toString()).toBe('{"mod\\u0065l":"real-model","messages":[]}');
  });

  it.each([
    [
      'absent',
      '{"model":"gpt-4o","stream":true}',
      '{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true}',
    ],
    [
      'absent behind space',
      ' {\n "model":"gpt-4o","stream":true}',
      ' {"stream_options":{"include_usage":true},\n "model":"gpt-4o","stream":true}',
    ],
    [
      'null',
      '{"model":"gpt-4o","stream":true,"stream_options": null }',
      '{"model":"gpt-4o","stream":true,"stream_options": {"include_usage":true} }',
    ],
    [
      'empty',
      '{"model":"gpt-4o","stream":true,"stream_options":{ }}',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true }}',
    ],
    [
      'about something else',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_obfuscation":false}}',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}',
    ],
    [
      'against it, which the caller alone is kept to',
      '{"model":"gpt-4o","stream":true,"stream_options":{ "a":{"include_usage":false},"include_usage" : false }}',
      '{"model":"gpt-4o","stream":true,"stream_options":{ "a":{"include_usage":false},"include_usage" : true }}',
    ],
    [
      'undecided',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_us\\u0061ge":null}}',
      '{"model":"gpt-4o","stream":true,"stream_options":{"include_us\\u0061ge":true}}',
    ],
  ])('usage is asked for where stream_options is %s', (_, body, expected) => {
    const call = callOf(reader()(arrived(CHAT, body)));
    expect(call.body.toString()).toBe(expected);
    expect(call.rewrite).toBe(stripInjectedUsage);
  });

  it.each([
    ['the caller asked itself', CHAT, '{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}}'],
    ['the caller wrote something odd', CHAT, '{"model":"gpt-4o","stream":true,"stream_options":7}'],
    ['nothing is streamed', CHAT, '{"model":"gpt-4o","stream":false}'],
    ['the endpoint tells it anyway', '/v1/responses', '{"model":"gpt-4o","stream":true}'],
    ['the protocol is another', '/api/chat', '{"model":"llama3"}'],
  ])('usage is not asked for where %s', (_, path, body) => {
    const call = callOf(reader()(arrived(path, body)));
    expect(call.body.toString()).toBe(body);
    expect(call.rewrite).toBeUndefined();
  });

  it.each([
    '{"include_usage":true,"include_usage":false}',
    '{"include_usage":true,"Include_Usage":false}',
    '{"INCLUDE_USAGE":false}',
  ])('stream_options that servers read differently are not sent: %s', (options) => {
    const read = reader()(arrived(CHAT, `{"model":"gpt-4o","stream":true,"stream_options":${options}}`));
    expect(read).toMatchObject({ status: 400, code: 'unreadable_request' });
  });

  it('usage is not asked of a server that is not known to take the question, unless the configuration says so', () => {
    const call = callOf(reader({ routes })(arrived(CHAT, '{"model":"fast","stream":true}')));
    expect(call.body.toString()).toBe('{"model":"real-model","stream":true}');
    const ollama = callOf(reader()(arrived(CHAT, '{"model":"llama3","stream":true}')));
    expect(ollama.rewrite).toBe(stripInjectedUsage);
  });

  it('both at once', () => {
    const both = { ...routes, aliases: new Map([['fast', { upstream: configOf().upstreams[1]!, model: 'gpt-4o' }]]) };
    const call = callOf(reader({ routes: both })(arrived(CHAT, '{"model":"fast","stream":true}')));
    expect(call.body.toString()).toBe('{"stream_options":{"include_usage":true},"model":"gpt-4o","stream":true}');
  });
});

describe('the metadata of a call', () => {
  const caller = callerOf({ dimensions: { organizationName: 'Acme', agent: 'fixed' } });

  it('is the key and its customer, whatever headers say', () => {
    const headers = {
      'x-revenium-subscriber-id': 'somebody-else',
      'x-revenium-subscriber-email': 'else@example.com',
      'x-revenium-subscriber-credential': 'sk-other',
      'x-revenium-subscriber-credential-name': 'gk_other',
      'x-revenium-credential-alias': 'other',
      'x-revenium-organization-name': 'Other',
      'x-revenium-organization-id': 'Older',
      'x-revenium-agent': 'other',
      'x-revenium-transaction-id': 'mine',
    };
    const { metadata, dimensions } = callOf(reader()(arrived(CHAT, { model: 'gpt-4o' }, { headers, caller })));
    expect(metadata.fields).toEqual({
      organizationName: 'Acme',
      agent: 'fixed',
      subscriber: { id: 'cus_one', email: 'one@example.com', credential: { name: 'gk_one' } },
    });
    expect(dimensions).toMatchObject({
      subscriberId: 'cus_one',
      credentialName: 'gk_one',
      credential: undefined,
      organization: 'Acme',
    });
  });

  it('takes from headers what the key does not fix; what is malformed or too long is left out, not cut', () => {
    const headers = {
      'x-revenium-task-type': 'summarise',
      'x-revenium-trace-id': 'trace-1',
      'x-revenium-product-name': 'p'.repeat(1_025),
      'x-revenium-trace-type': 'not a word',
      'x-revenium-environment': 'staging',
    };
    const { metadata } = callOf(reader()(arrived(CHAT, { model: 'gpt-4o' }, { headers, caller })));
    expect(metadata.fields).toMatchObject({
      taskType: 'summarise',
      transactionName: 'summarise',
      traceId: 'trace-1',
      environment: 'staging',
    });
    expect(metadata.fields).not.toHaveProperty('productName');
    expect(metadata.fields).not.toHaveProperty('traceType');
    const named = { 'x-revenium-transaction-name': 'mine', 'x-claude-code-session-id': 'session' };
    const fixed = callerOf({ dimensions: { taskType: 'fixed' } });
    const other = callOf(reader()(arrived(CHAT, { model: 'gpt-4o' }, { headers: named, caller: fixed })));
    expect(other.metadata.fields).toMatchObject({ taskType: 'fixed', transactionName: 'mine', traceId: 'session' });
  });

  it('is not read from a body, which passes as it is', () => {
    const body = '{"model":"gpt-4o","usageMetadata":{"organizationName":"Other"},"messages":[]}';
    const call = callOf(reader()(arrived(CHAT, body)));
    expect(call.metadata.fields.organizationName).toBeUndefined();
    expect(call.body.toString()).toBe(body);
  });
});
