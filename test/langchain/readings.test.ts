import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { describe, expect, it } from 'vitest';
import { capturedPrompts, lastText, promptText } from '../../src/langchain/prompt.js';
import { providerOf } from '../../src/langchain/provider-of.js';
import { readModelStart } from '../../src/langchain/read-request.js';
import { readResult } from '../../src/langchain/read-result.js';
import { readPlainUsage, readUsageMetadata } from '../../src/langchain/read-usage.js';

const named = (className: string, metadata: object = {}, model?: string, kwargs: object = {}) => {
  const { provider, modelSource, idsAreUnique } = providerOf({
    serialized: { id: ['langchain', 'chat_models', 'x', className], kwargs },
    metadata: metadata as never,
    model,
    openAIBaseUrl: undefined,
  });
  return `${provider}/${modelSource}/${idsAreUnique ? 'unique' : 'own'}`;
};

describe('the provider', () => {
  it.each([
    ['ChatOpenAI', 'OPENAI/OPENAI/unique'],
    ['OpenAI', 'OPENAI/OPENAI/unique'],
    ['AzureChatOpenAI', 'Azure/OPENAI/unique'],
    ['ChatAnthropic', 'ANTHROPIC/ANTHROPIC/unique'],
    ['ChatGoogleGenerativeAI', 'Google/GOOGLE/own'],
    ['ChatVertexAI', 'Google/GOOGLE_VERTEX_AI/own'],
    ['ChatOllama', 'OLLAMA/OLLAMA/own'],
    ['ChatMistralAI', 'MISTRAL/MISTRAL/own'],
    ['ChatGroq', 'GROQ/GROQ/own'],
    ['ChatCohere', 'COHERE/COHERE/own'],
    ['ChatTogetherAI', 'TOGETHER/TOGETHER/own'],
    ['ChatFireworks', 'FIREWORKS/FIREWORKS/own'],
    ['ChatPerplexity', 'PERPLEXITY/PERPLEXITY/own'],
    ['ChatDeepSeek', 'DEEPSEEK/DEEPSEEK/own'],
    ['ChatXAI', 'XAI/XAI/own'],
    ['ChatOpenRouter', 'OPENROUTER/OPENROUTER/own'],
    ['HuggingFaceInference', 'HUGGINGFACE/HUGGINGFACE/own'],
    ['MyOwnModel', 'unknown/unknown/own'],
  ])('of %s is told by the class', (className, expected) => expect(named(className)).toBe(expected));

  it('is told by what LangChain says, by the address, by the model', () => {
    expect(named('MyOwnModel', { ls_provider: 'google_vertexai' })).toBe('Google/GOOGLE_VERTEX_AI/own');
    expect(named('MyOwnModel', {}, 'claude-opus-4-7')).toBe('ANTHROPIC/ANTHROPIC/unique');
    expect(named('MyOwnModel', {}, 'groq/llama')).toBe('GROQ/GROQ/own');
    expect(named('MyOwnModel', {}, 'house-model')).toBe('unknown/unknown/own');
    const at = (baseURL: string) => named('ChatOpenAI', {}, 'm', { configuration: { baseURL } });
    expect(at('https://api.groq.com/openai/v1')).toBe('GROQ/GROQ/unique');
    expect(at('http://localhost:11434/v1')).toBe('OLLAMA/OLLAMA/own');
    expect(at('http://127.0.0.1:9/v1')).toBe('OPENAI/OPENAI/own');
    expect(named('ChatBedrockConverse', {}, 'us.anthropic.claude-opus-4-7')).toBe('AWS/ANTHROPIC/own');
    expect(named('ChatBedrockConverse', {}, 'amazon.nova-pro-v1:0')).toBe('AWS/AWS/own');
    expect(named('ChatVertexAI', {}, 'claude-opus-4-7')).toBe('Google/ANTHROPIC/own');
    expect(named('BedrockChat', {}, 'meta.llama3')).toBe('AWS/META/own');
  });
});

describe('the request', () => {
  const read = (serialized: object, params: object, metadata: object = {}) =>
    readModelStart(
      {
        kind: 'chat',
        serialized,
        prompt: [],
        runId: 'r',
        extraParams: { invocation_params: params },
        metadata,
      },
      undefined,
      () => false,
    );

  it('has the model from the parameters, from LangChain, from the class; Azure’s from the deployment', () => {
    expect(read({}, { model: 'a' }, { ls_model_name: 'b' }).model).toBe('a');
    expect(read({}, {}, { ls_model_name: 'b' }).model).toBe('b');
    expect(read({ kwargs: { model_name: 'c' } }, {}).model).toBe('c');
    expect(read({}, {}).model).toBeUndefined();
    const azure = { id: ['langchain', 'chat_models', 'azure_openai', 'AzureChatOpenAI'] };
    const kwargs = { deployment_name: 'prod-gpt-4o-mini' };
    expect(read({ ...azure, kwargs }, { model: 'gpt-3.5-turbo' }).model).toBe('gpt-4o-mini');
    expect(read({}, { service_tier: 'flex', tools: [{}] })).toMatchObject({
      requestedServiceTier: 'flex',
      operationSubtype: 'function_call',
    });
  });
});

describe('the prompt', () => {
  const call = { id: 'call_1', name: 'weather', args: { city: 'Wien' } };
  const prompt = [
    new SystemMessage('be short'),
    new HumanMessage({
      content: [
        { type: 'text', text: 'where?' },
        { type: 'image_url', image_url: { url: 'x' } },
      ],
    }),
    new AIMessage({ content: '', tool_calls: [call] }),
    new ToolMessage({ content: 'rain ', tool_call_id: 'call_1' }),
  ];

  it('is text for estimates, and messages for capture', () => {
    expect(promptText(prompt)).toBe('be short\nwhere?\nweather {"city":"Wien"}\nrain ');
    expect(lastText(prompt)).toBe('rain');
    expect([lastText([]), lastText(['a', ' b '])]).toEqual(['', 'b']);
    expect(capturedPrompts(prompt)).toEqual({
      systemPrompt: 'be short',
      inputMessages: [
        { role: 'user', content: prompt[1]!.content },
        { role: 'assistant', content: '', tool_calls: [expect.objectContaining(call)] },
        { role: 'tool', content: 'rain ', tool_call_id: 'call_1' },
      ],
    });
    expect(capturedPrompts(['plain'])).toEqual({ inputMessages: [{ role: 'user', content: 'plain' }] });
  });
});

describe('usage', () => {
  it('is read as LangChain means it: cache inside the input, reasoning inside the output', () => {
    const usage = {
      input_tokens: 100,
      output_tokens: 20,
      total_tokens: 120,
      input_token_details: { cache_read: 60, cache_creation: 10 },
      output_token_details: { reasoning: 5 },
    };
    expect(readUsageMetadata(usage, undefined, false)).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 60,
      cacheWriteTokens: 10,
      reasoningTokens: 5,
      attributes: { cacheInside: true, reasoningInside: true },
    });
  });

  it('of Anthropic goes out without cache tokens in the input, whichever way the integration counts', () => {
    const details = { input_token_details: { cache_read: 60, cache_creation: 10, ephemeral_1h_input_tokens: 10 } };
    const inside = { input_tokens: 100, output_tokens: 20, total_tokens: 120, ...details };
    const outside = { input_tokens: 30, output_tokens: 20, total_tokens: 50, ...details };
    const raw = { input_tokens: 30, cache_read_input_tokens: 60, cache_creation_input_tokens: 10 };
    for (const [usage, given] of [
      [inside, raw],
      [inside, undefined],
      [outside, raw],
      [outside, undefined],
    ]) {
      expect(readUsageMetadata(usage, given, true)).toMatchObject({
        inputTokens: 30,
        totalTokens: 50,
        cacheReadTokens: 60,
        cacheWrite1hTokens: 10,
        attributes: { cacheInside: false },
      });
    }
    // Fewer cached tokens than input ones: only the provider's own count tells them apart.
    const few = { input_tokens: 90, output_tokens: 1, total_tokens: 91, input_token_details: { cache_read: 60 } };
    expect(readUsageMetadata(few, { input_tokens: 90 }, true)?.inputTokens).toBe(90);
    expect(readUsageMetadata(few, { input_tokens: 30 }, true)?.inputTokens).toBe(30);
    expect(readPlainUsage({ ...raw, output_tokens: 2 }, true)).toMatchObject({ inputTokens: 30, cacheReadTokens: 60 });
  });

  it('that adds up only with the reasoning beside the output says so', () => {
    const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 35, output_token_details: { reasoning: 20 } };
    expect(readUsageMetadata(usage, undefined, false)?.attributes).toEqual({ reasoningInside: false });
  });

  it('is taken from the message, else from its metadata, else from the result; never 0 for unknown', () => {
    const message = (fields: object) => ({ generations: [[{ text: 'hi', message: { content: 'hi', ...fields } }]] });
    const usage = { input_tokens: 1, output_tokens: 2, total_tokens: 3 };
    const total = (result: object) => readResult(result, false).reading.totalTokens;
    expect(total({ ...message({ usage_metadata: usage }), llmOutput: { tokenUsage: { totalTokens: 9 } } })).toBe(3);
    expect(total(message({ response_metadata: { token_usage: { total_tokens: 4 } } }))).toBe(4);
    expect(total(message({ response_metadata: { tokenUsage: { totalTokens: 5 } } }))).toBe(5);
    expect(total({ ...message({}), llmOutput: { tokenUsage: { promptTokens: 1, totalTokens: 6 } } })).toBe(6);
    expect(
      readResult(message({ response_metadata: { prompt_eval_count: 1, eval_count: 2 } }), false).reading,
    ).toMatchObject({ inputTokens: 1, outputTokens: 2 });
    const zero = { usage_metadata: { input_tokens: 0, output_tokens: 0, total_tokens: 0 } };
    expect(readResult(message(zero), false).reading).not.toHaveProperty('inputTokens');
    expect(readResult(message({}), false).reading).not.toHaveProperty('inputTokens');
    expect(total({ ...message({}), llmOutput: { estimatedTokenUsage: { totalTokens: 8 } } })).toBeUndefined();
  });
});

describe('the result', () => {
  const reason = (facts: object) =>
    readResult({ generations: [[{ message: { response_metadata: facts } }]] }, false).reading.stopReason;

  it('says why the answer ended, in every provider’s words', () => {
    expect(
      [{ finish_reason: 'stop' }, { stop_reason: 'max_tokens' }, { finishReason: 'MAX_TOKENS' }].map(reason),
    ).toEqual(['END', 'TOKEN_LIMIT', 'TOKEN_LIMIT']);
    expect([{ finishReason: 'SAFETY' }, { done_reason: 'length' }, { stopReason: 'tool_use' }, {}].map(reason)).toEqual(
      ['ERROR', 'TOKEN_LIMIT', 'END_SEQUENCE', 'END'],
    );
    expect(reason({ finish_reason: 'tool_callstool_calls' }), 'added up over chunks').toBe('END_SEQUENCE');
    const incomplete = { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } };
    expect(reason(incomplete)).toBe('TOKEN_LIMIT');
  });

  it('names the provider’s id, never one that LangChain made up', () => {
    const ids = (id: string, facts: object = {}) =>
      readResult({ generations: [[{ message: { id, response_metadata: facts } }]] }, false);
    expect(ids('chatcmpl-1').reading.responseId).toBe('chatcmpl-1');
    expect(ids('run-018f', {}).reading).not.toHaveProperty('responseId');
    expect(ids('018f4c1e-0000-4000-8000-000000000001').ids).toEqual([]);
    const responses = ids('msg_1', { id: 'resp_1' });
    expect([responses.reading.responseId, responses.ids]).toEqual(['resp_1', ['msg_1', 'resp_1']]);
  });
});
