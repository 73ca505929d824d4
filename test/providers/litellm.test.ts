import { describe, expect, it } from 'vitest';
import { metadataHeaders, readMetadataHeaders } from '../../src/providers/litellm-headers.js';
import { litellmModel } from '../../src/providers/litellm-model.js';
import { readLitellmUsage } from '../../src/providers/litellm-usage.js';

describe('table 6.4', () => {
  it.each([
    ['openai/gpt-4o', 'OpenAI', 'OPENAI', 'gpt-4o'],
    ['text-completion-openai/babbage-002', 'OpenAI', 'OPENAI', 'babbage-002'],
    ['gpt-4o-mini', 'OpenAI', 'OPENAI', 'gpt-4o-mini'],
    ['davinci', 'OpenAI', 'OPENAI', 'davinci'],
    ['text-davinci-003', 'OpenAI', 'OPENAI', 'text-davinci-003'],
    ['text-embedding-3-small', 'OpenAI', 'OPENAI', 'text-embedding-3-small'],
    ['azure/my-deployment', 'Azure', 'OPENAI', 'my-deployment'],
    ['anthropic/claude-sonnet-4-5', 'Anthropic', 'ANTHROPIC', 'claude-sonnet-4-5'],
    ['claude-3-5-haiku-20241022', 'Anthropic', 'ANTHROPIC', 'claude-3-5-haiku-20241022'],
    ['vertex_ai/gemini-2.5-pro', 'Google Vertex AI', 'GOOGLE', 'gemini-2.5-pro'],
    ['chat-bison@002', 'Google Vertex AI', 'GOOGLE', 'chat-bison@002'],
    ['textembedding-gecko', 'Google Vertex AI', 'GOOGLE', 'textembedding-gecko'],
    ['gemini/gemini-2.5-flash', 'Google', 'GOOGLE', 'gemini-2.5-flash'],
    ['palm/x', 'Google', 'GOOGLE', 'x'],
    ['cohere/embed-v4', 'Cohere', 'COHERE', 'embed-v4'],
    ['command-r-plus', 'Cohere', 'COHERE', 'command-r-plus'],
    ['mistral/mistral-large', 'Mistral', 'MISTRAL', 'mistral-large'],
    ['mixtral-8x7b', 'Mistral', 'MISTRAL', 'mixtral-8x7b'],
    ['groq/llama-3.3-70b', 'Groq', 'GROQ', 'llama-3.3-70b'],
    ['ollama/llama3', 'Ollama', 'OLLAMA', 'llama3'],
    ['together_ai/a/b', 'Together AI', 'TOGETHER', 'a/b'],
    ['fireworks_ai/x', 'Fireworks AI', 'FIREWORKS', 'x'],
    ['deepinfra/x', 'DeepInfra', 'DEEPINFRA', 'x'],
    ['perplexity/sonar-pro', 'Perplexity', 'PERPLEXITY', 'sonar-pro'],
    ['sonar', 'Perplexity', 'PERPLEXITY', 'sonar'],
    ['anyscale/x', 'Anyscale', 'ANYSCALE', 'x'],
    ['cloudflare/@cf/meta/llama', 'Cloudflare', 'CLOUDFLARE', '@cf/meta/llama'],
    ['voyage/voyage-3', 'Voyage AI', 'VOYAGE', 'voyage-3'],
    ['friendliai/x', 'FriendliAI', 'FRIENDLIAI', 'x'],
    ['ai21/jamba', 'AI21', 'AI21', 'jamba'],
    ['replicate/x', 'Replicate', 'REPLICATE', 'x'],
    ['databricks/dbrx', 'Databricks', 'DATABRICKS', 'dbrx'],
    ['bedrock/us.anthropic.claude-opus-4-7', 'AWS Bedrock', 'BEDROCK', 'us.anthropic.claude-opus-4-7'],
    ['sagemaker/x', 'AWS Sagemaker', 'SAGEMAKER', 'x'],
    ['huggingface/x/y', 'Hugging Face', 'HUGGINGFACE', 'x/y'],
    ['my-alias', 'LiteLLM', 'LITELLM', 'my-alias'],
    ['team-a/my-alias', 'LiteLLM', 'LITELLM', 'team-a/my-alias'],
    ['', 'LiteLLM', 'LITELLM', ''],
    ['/', 'LiteLLM', 'LITELLM', '/'],
    ['openai/', 'LiteLLM', 'LITELLM', 'openai/'],
  ])('%s', (name, provider, modelSource, model) => {
    expect(litellmModel(name)).toEqual({ provider, modelSource, model });
  });

  it.each([
    ['ollama/mixtral-8x7b', 'Ollama'],
    ['groq/claude-like', 'Groq'],
    ['huggingface/gpt-4o-copy', 'Hugging Face'],
    ['azure/text-embedding-3-large', 'Azure'],
    ['OpenAI/gpt-4o', 'OpenAI'],
  ])('the prefix of %s comes before any pattern', (name, provider) => {
    expect(litellmModel(name).provider).toBe(provider);
  });
});

describe('usage', () => {
  const openai = { modelSource: 'OPENAI', model: 'gpt-4o' };
  const anthropic = { modelSource: 'ANTHROPIC', model: 'claude-sonnet-4-5' };
  const cached = {
    prompt_tokens: 1_000,
    completion_tokens: 50,
    total_tokens: 1_050,
    prompt_tokens_details: { cached_tokens: 700 },
    cache_read_input_tokens: 700,
    cache_creation_input_tokens: 200,
  };

  it('of Anthropic’s models the input is net of cache, at Anthropic and at a cloud', () => {
    const net = { inputTokens: 100, outputTokens: 50, totalTokens: 150, cacheReadTokens: 700, cacheWriteTokens: 200 };
    expect(readLitellmUsage(cached, anthropic)).toMatchObject({ ...net, cacheInside: false });
    expect(readLitellmUsage(cached, { modelSource: 'BEDROCK', model: 'us.anthropic.claude-3' })).toMatchObject(net);
    expect(readLitellmUsage(cached, { modelSource: 'GOOGLE', model: 'claude-opus-4' })).toMatchObject(net);
  });

  it('of others it includes them', () => {
    expect(readLitellmUsage(cached, openai)).toMatchObject({
      inputTokens: 1_000,
      totalTokens: 1_050,
      cacheInside: true,
    });
  });

  it('Anthropic’s own shape is net already', () => {
    const own = {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_input_tokens: 700,
      cache_creation_input_tokens: 200,
    };
    expect(readLitellmUsage(own, anthropic)).toMatchObject({
      inputTokens: 100,
      totalTokens: 150,
      cacheReadTokens: 700,
    });
  });

  it.each([undefined, null, 3, 'x', {}, { prompt_tokens: '3' }])('I5: %j is no usage; a cost of 0 is none', (usage) => {
    expect(readLitellmUsage(usage, openai)).toBeUndefined();
    expect(readLitellmUsage({ total_tokens: 3, cost: 0 }, openai)?.costUsd).toBeUndefined();
    expect(readLitellmUsage({ total_tokens: 3, cost: 0.5 }, openai)?.costUsd).toBe(0.5);
  });
});

describe('headers', () => {
  const fields = {
    traceId: 't',
    taskType: 'k',
    agent: 'a',
    agentVersion: '1',
    organizationName: 'Müller & Söhne',
    productName: 'p',
    subscriptionId: 's',
    environment: 'e',
    parentTransactionId: 'pt',
    transactionName: 'tn',
    region: 'r',
    credentialAlias: 'ca',
    traceType: 'tt',
    traceName: 'tr',
    skillName: 'sn',
    skillSource: 'ss',
    skillKind: 'sk',
    skillPluginName: 'sp',
    skillMarketplaceName: 'sm',
    skillInvocationTrigger: 'si',
    effort: 'high',
    agenticJobId: 'j',
    agenticJobName: 'jn',
    agenticJobType: 'jt',
    agenticJobVersion: 'jv',
    retryNumber: 2,
    responseQualityScore: 0.5,
    subscriber: { id: 'u', email: 'u@example.org', credential: { name: 'key' } },
  };

  it('carry every field there and back', () => {
    const { headers, leftOut } = metadataHeaders(fields);
    expect(leftOut).toEqual([]);
    expect(headers).toHaveLength(Object.keys(fields).length + 2);
    expect(readMetadataHeaders(Object.fromEntries(headers)).metadata).toEqual(fields);
    // What fetch takes, and what comes out of it.
    expect([...new Headers(headers.map(([name, value]) => [name, value] as [string, string]))]).toHaveLength(
      headers.length,
    );
  });

  it.each([['水'], ['a\nb'], ['a\u0000'], [' a'], ['a '], ['\u0085'], ['x'.repeat(1_025)]])(
    'I2: %j is left out',
    (agent) => {
      expect(metadataHeaders({ agent, taskType: 'k' })).toEqual({
        headers: [['x-revenium-task-type', 'k']],
        leftOut: ['agent'],
      });
    },
  );

  it('I12: the value of a credential never goes out', () => {
    const subscriber = { credential: { name: 'key', value: 'sk-secret' } };
    expect(JSON.stringify(metadataHeaders({ subscriber }))).not.toContain('sk-secret');
  });

  it('are read in any letter case; old names count where the new one is missing; junk and withheld values do not', () => {
    const read = readMetadataHeaders({
      'X-Revenium-Organization-Id': 'old',
      'x-revenium-product-id': 'old',
      'x-revenium-product-name': 'new',
      'x-revenium-retry-number': 'many',
      'x-revenium-response-quality-score': 'good',
      'x-revenium-agent': '[present]',
      'x-revenium-operation-subtype': 'edit',
      'x-revenium-capture-prompts': 'TRUE',
      'x-revenium-transaction-id': 'id-1',
      'x-claude-code-session-id': 'session',
      'x-revenium-trace-id': 7,
    });
    expect(read.metadata).toEqual({ organizationName: 'old', productName: 'new' });
    expect(read).toMatchObject({
      operationSubtype: 'edit',
      capturePrompts: true,
      transactionId: 'id-1',
      sessionId: 'session',
    });
  });

  it.each([undefined, null, 3, 'x', []])('never throw on %j', (odd) => {
    expect(readMetadataHeaders(odd).metadata).toEqual({});
  });
});
