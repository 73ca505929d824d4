import { describe, expect, it } from 'vitest';
import { payloadsOf, UNREADABLE } from '../../../service/litellm/callback-body.js';
import { readPayload } from '../../../service/litellm/read-payload.js';
import { upstreamOf } from '../../../service/litellm/upstream.js';
import { failure, payload } from './payloads.js';

type Event = Record<string, unknown> & { readonly attributes: Record<string, unknown> };
const NOW = Date.UTC(2026, 10, 20, 9, 15);
const eventOf = (given: unknown) => {
  const reading = readPayload(given);
  if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
  return { ...reading.event, type: reading.type } as unknown as Event;
};

describe('a payload of LiteLLM’s logger', () => {
  it('becomes the usage event of its call', () => {
    expect(eventOf(payload(NOW))).toEqual({
      type: 'ai/completions',
      transactionId: 'b980db26-9512-45cc-b1da-c511a363b83f',
      model: 'gpt-4o-mini',
      provider: 'OpenAI',
      modelSource: 'OPENAI',
      costType: 'AI',
      operationType: 'CHAT',
      stopReason: 'END',
      isStreamed: false,
      inputTokenCount: 412,
      outputTokenCount: 96,
      totalTokenCount: 508,
      reasoningTokenCount: 12,
      cacheReadTokenCount: 128,
      totalCost: 0.0375,
      requestTime: '2026-11-20T09:15:00.000Z',
      completionStartTime: '2026-11-20T09:15:00.500Z',
      responseTime: '2026-11-20T09:15:01.250Z',
      requestDuration: 1250,
      middlewareSource: 'PROXY',
      organizationName: 'Northwind',
      subscriber: { credential: { name: 'helpdesk-prod' } },
      attributes: {
        gateway: 'litellm',
        endpoint: 'acompletion',
        litellmCallId: 'b980db26-9512-45cc-b1da-c511a363b83f',
        litellmTraceId: '5d0f2bd2-8f6a-4c7d-9c39-4a8b0f0a1c22',
        litellmModelId: 'cb41bc03f4c33d31',
        providerResponseId: 'chatcmpl-9x',
        usageState: 'reported',
        cacheInside: true,
        reasoningInside: true,
      },
    });
  });

  it('a streamed one has a first token; what it asked for is kept where it is another name', () => {
    const event = eventOf(payload(NOW, { stream: true, model_group: 'fast' }));
    expect(event).toMatchObject({ isStreamed: true, timeToFirstToken: 500 });
    expect(event.attributes['requestedModel']).toBe('fast');
  });

  it('of Anthropic’s models the input is net of cache', () => {
    const usage_object = {
      prompt_tokens: 1_000,
      completion_tokens: 50,
      total_tokens: 1_050,
      cache_read_input_tokens: 700,
      cache_creation_input_tokens: 200,
      prompt_tokens_details: { cached_tokens: 700, cache_creation_tokens: 200 },
    };
    const changes = { model: 'claude-sonnet-4-5', custom_llm_provider: 'anthropic' };
    expect(eventOf(payload(NOW, changes, { usage_object }))).toMatchObject({
      ...{ provider: 'Anthropic', modelSource: 'ANTHROPIC', inputTokenCount: 100, totalTokenCount: 150 },
      ...{ cacheReadTokenCount: 700, cacheCreationTokenCount: 200, attributes: { cacheInside: false } },
    });
  });

  it('I5: a price of 0 is no price, but for an answer out of the cache; counts that nobody gave are not 0', () => {
    expect(eventOf(payload(NOW, { response_cost: 0 }))).not.toHaveProperty('totalCost');
    expect(eventOf(payload(NOW, { response_cost: 0, cache_hit: true }))).toMatchObject({ totalCost: 0 });
    const silent = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, response_cost: 0 };
    const event = eventOf(payload(NOW, silent, { usage_object: null }));
    expect(event).not.toHaveProperty('inputTokenCount');
    expect(event.attributes['usageState']).toBe('unknown');
  });

  it('a failure has an id of its own, the same however often it comes, another for another try', () => {
    const event = eventOf(failure(NOW));
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: 429, errorReason: 'slow down' });
    expect(event['transactionId']).toMatch(/^b980db26-9512-45cc-b1da-c511a363b83f:err:[0-9a-f]{8}$/);
    expect(eventOf(failure(NOW))['transactionId']).toBe(event['transactionId']);
    expect(eventOf(failure(NOW + 900))['transactionId']).not.toBe(event['transactionId']);
    expect(event.attributes['usageState']).toBe('reported');
    const broken = failure(NOW, { error_information: { error_code: '', error_class: 'APIConnectionError' } });
    expect(eventOf(broken).attributes['usageState']).toBe('unknown');
  });

  it('I1: a call that this service refused is no usage, whatever else was wrong with others', () => {
    const error_str = 'Content blocked by guardrail: Request blocked … [COST_LIMIT_EXCEEDED RULE_TRIPPED ruleId=7]';
    expect(readPayload(failure(NOW, { error_str }))).toEqual({ kind: 'refused' });
    expect(readPayload(failure(NOW, { error_str: 'COST_LIMIT_EXCEEDED at the provider' })).kind).toBe('event');
    expect(readPayload(payload(NOW, { error_str })).kind).toBe('event');
  });

  describe('who it was for', () => {
    const headers = {
      'x-revenium-agent': 'triage',
      'x-revenium-subscriber-id': 'u-88',
      'x-revenium-organization-id': 'Old',
      'x-revenium-retry-number': '2',
      'x-claude-code-session-id': 'session-1',
    };
    it('headers beat the virtual key; the key that was used stays', () => {
      const event = eventOf(
        payload(NOW, {}, { requester_custom_headers: headers, user_api_key_user_email: 'k@example.org' }),
      );
      expect(event).toMatchObject({ agent: 'triage', organizationName: 'Old', retryNumber: 2, traceId: 'session-1' });
      expect(event['subscriber']).toEqual({ id: 'u-88', credential: { name: 'helpdesk-prod' } });
    });

    it('the request’s own metadata beats headers, what is meant for us beats the rest of it', () => {
      const requester_metadata = {
        agent: 'body',
        task_type: 'k',
        usage_metadata: { agent: 'ours', trace_id: 't' },
        tags: [1],
      };
      const event = eventOf(payload(NOW, {}, { requester_custom_headers: headers, requester_metadata }));
      expect(event).toMatchObject({ agent: 'ours', taskType: 'k', traceId: 't', retryNumber: 2 });
    });

    it('nobody says what his own call costs', () => {
      const usage_metadata = { totalCost: 0, costMultiplier: 0, inputTokenCost: 0, model: 'free', stopReason: 'END' };
      const event = eventOf(payload(NOW, {}, { requester_metadata: { usage_metadata, total_cost: 0 } }));
      expect(event).toMatchObject({ totalCost: 0.0375, model: 'gpt-4o-mini' });
      expect(event).not.toHaveProperty('costMultiplier');
    });

    it('the end user of the request is a subscriber; the proxy’s default user is nobody', () => {
      expect(eventOf(payload(NOW, { end_user: 'u-1' }))['subscriber']).toMatchObject({ id: 'u-1' });
      const named = payload(NOW, {}, { user_api_key_user_id: 'u-2', user_api_key_user_email: 'u2@example.org' });
      expect(eventOf(named)['subscriber']).toMatchObject({ id: 'u-2', email: 'u2@example.org' });
    });
  });

  it('I12: prompts are kept only where the caller asked for it, redacted', () => {
    expect(JSON.stringify(eventOf(payload(NOW)))).not.toContain('be short');
    const asked = payload(NOW, {}, { requester_custom_headers: { 'X-Revenium-Capture-Prompts': 'true' } });
    expect(eventOf(asked)).toMatchObject({ systemPrompt: 'be short', outputResponse: 'hello' });
    expect(JSON.stringify(eventOf(asked))).not.toContain('sk-ant-api03-abcdef');
  });

  it.each([
    ['aembedding', {}, { type: 'ai/completions', operationType: 'EMBED' }],
    ['arerank', {}, { operationType: 'RERANK' }],
    ['amoderation', {}, { operationType: 'MODERATION' }],
    ['apply_guardrail', {}, { operationType: 'GUARDRAIL', middlewareSource: 'GUARDRAIL' }],
    ['aresponses', {}, { operationType: 'CHAT' }],
    [
      'aimage_generation',
      { response: { data: [{}, {}] } },
      { type: 'ai/images', actualImageCount: 2, requestedImageCount: 2 },
    ],
    ['aimage_generation', {}, { type: 'ai/completions', operationType: 'IMAGE' }],
    [
      'atranscription',
      { response: { duration: 3.5 } },
      { type: 'ai/audio', durationSeconds: 3.5, operationSubtype: 'transcription' },
    ],
    [
      'aspeech',
      { model_parameters: { input: 'Größe' } },
      { type: 'ai/audio', characterCount: 5, operationSubtype: 'tts' },
    ],
    ['avideo_generation', {}, { type: 'ai/completions', operationType: 'VIDEO' }],
  ])('%s', (call_type, changes, expected) => {
    expect(eventOf(payload(NOW, { call_type, ...changes }))).toMatchObject(expected);
  });

  it.each([
    ['gpt-4o', 'azure', 'Azure', 'gpt-4o'],
    ['bedrock/us.anthropic.claude-3', 'bedrock', 'AWS Bedrock', 'us.anthropic.claude-3'],
    ['us.anthropic.claude-3', 'bedrock_converse', 'AWS Bedrock', 'us.anthropic.claude-3'],
    ['anthropic/claude-3', 'openrouter', 'LiteLLM', 'anthropic/claude-3'],
    ['openrouter/anthropic/claude-3', 'openrouter', 'LiteLLM', 'anthropic/claude-3'],
    ['grok-4', 'xai', 'LiteLLM', 'grok-4'],
    ['openai/gpt-oss', 'groq', 'Groq', 'openai/gpt-oss'],
    ['claude-3', undefined, 'Anthropic', 'claude-3'],
  ])('%s of %s is %s’s', (model, by, provider, named) => {
    expect(upstreamOf(model, by)).toMatchObject({ provider, model: named });
  });

  it.each([
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { id: 'x' },
    { id: 'x', model: 'm' },
    { id: 'x', model: 'm', startTime: 'soon' },
  ])('what cannot be understood says so: %j', (odd) => {
    expect(readPayload(odd)).toMatchObject({ kind: 'unreadable' });
  });

  it('never throws, whatever stands in a field', () => {
    for (const name of Object.keys(payload(NOW))) {
      for (const odd of [null, 1, 'x\0\ud800', [], {}, true, { a: { b: [{}] } }]) {
        const reading = readPayload(payload(NOW, { [name]: odd }));
        expect(['event', 'unreadable']).toContain(reading.kind);
        expect(JSON.stringify(reading)).not.toContain('\\u0000');
      }
    }
  });
});

describe('bodies', () => {
  it('are an array, one object, or lines, under any type', () => {
    expect(payloadsOf('[{"a":1},{"a":2}]')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(payloadsOf('{"a":1}')).toEqual([{ a: 1 }]);
    expect(payloadsOf('{"a":1}\n{"a":2}\r\n\n')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(payloadsOf('{"a":1}\nnonsense')).toEqual([{ a: 1 }, UNREADABLE]);
    expect(payloadsOf('')).toEqual([]);
  });
});
