import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FusewireOptions } from '../../src/config.js';
import { createFusewireOn } from '../../src/instance.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { openServiceFixture, type ServiceFixture } from '../helpers/service-fixture.js';
import { openTestStore } from '../helpers/stores.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const SECRET = 'sk-0123456789abcdef0123';
const CHAT = {
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system' as const, content: 'Be brief.' },
    { role: 'user' as const, content: `My key is ${SECRET}.` },
  ],
};

let service: ServiceFixture;
let provider: StubProvider;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  service = await openServiceFixture(openTestStore);
  provider = await startStubProvider();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await provider.close();
  await service.close();
});

function open(options: FusewireOptions = {}, env: Record<string, string> = {}) {
  const printed: string[] = [];
  const fusewire = createFusewireOn(
    { env, print: (text) => void printed.push(text) },
    {
      apiKey: service.keys.metering,
      teamId: service.team.id,
      meteringBaseUrl: service.url,
      logLevel: 'CRITICAL',
      ...options,
    },
  );
  closing.push(() => fusewire.close());
  const client = fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${provider.url}/v1`, maxRetries: 0 }));
  return { fusewire, client, printed };
}

async function promptsOf(transactionId: string) {
  const list = await service.ask({
    path: `/v2/api/sources/metrics/ai/completions?teamId=${service.team.id}&transactionId=${transactionId}`,
  });
  const [row] = list.json._embedded.aICompletionMetricResourceList;
  return (await service.ask({ path: `/v2/api/sources/metrics/ai/completions/${row.id}/prompts` })).json;
}

const idOf = (answer: object) => String(Reflect.get(answer, '_revenium_transaction_id'));

describe('captured prompts', () => {
  it('I12: are off, and nothing of them reaches the service', async () => {
    const { fusewire, client } = open();
    const answer = await client.chat.completions.create(CHAT);
    await fusewire.flush();
    expect(await promptsOf(idOf(answer))).toMatchObject({
      systemPrompt: null,
      inputMessages: null,
      outputResponse: null,
    });
  });

  it.each([
    ['the option', { capturePrompts: true }, {}, undefined],
    ['the variable', {}, { REVENIUM_CAPTURE_PROMPTS: 'true' }, undefined],
    ['the call', {}, {}, { capturePrompts: true }],
  ] as const)('are kept where %s says so, without keys', async (_name, options, env, usageMetadata) => {
    const { fusewire, client } = open(options, env);
    const answer = await client.chat.completions.create({ ...CHAT, ...(usageMetadata ? { usageMetadata } : {}) });
    await fusewire.flush();
    const kept = await promptsOf(idOf(answer));
    expect(kept.systemPrompt).toBe('Be brief.');
    expect(JSON.parse(kept.inputMessages)).toEqual([{ role: 'user', content: 'My key is sk-***REDACTED***.' }]);
    expect(kept.outputResponse).not.toBe('');
    expect(kept.promptsTruncated).toBe(false);
    expect(JSON.stringify(provider.requests.at(-1)?.body)).toContain(SECRET);
    expect(provider.requests.at(-1)?.text).not.toContain('capturePrompts');
  });

  it('a scope and the call beat the option, and a stream is kept when it ended', async () => {
    const { fusewire, client } = open({ capturePrompts: true, maxPromptSize: 40 });
    const silent = await withUsageMetadata({ capturePrompts: false }, () => client.chat.completions.create(CHAT));
    const stream = await client.chat.completions.create({ ...CHAT, stream: true });
    let id = '';
    for await (const chunk of stream) id = idOf(chunk);
    await fusewire.flush();
    expect((await promptsOf(idOf(silent))).systemPrompt).toBe(null);
    const kept = await promptsOf(id);
    expect(kept.promptsTruncated).toBe(true);
    expect(kept.inputMessages.length).toBeLessThanOrEqual(40);
    expect(kept.outputResponse.length).toBeGreaterThan(0);
  });
});

describe('the terminal summary of an instance', () => {
  it('asks the service what a call cost, and says it', async () => {
    const { fusewire, client, printed } = open({}, { REVENIUM_PRINT_SUMMARY: 'json' });
    await fusewire.guard(client).chat.completions.create({ ...CHAT, usageMetadata: { traceId: 'conv-71' } });
    await fusewire.flush();
    await expect.poll(() => printed.length, { timeout: 8_000 }).toBe(1);
    const summary = JSON.parse(printed[0]!);
    expect(summary).toMatchObject({ provider: 'OPENAI', traceId: 'conv-71' });
    expect(summary.model).toMatch(/^gpt-4o-mini/);
    expect(summary.totalTokenCount).toBeGreaterThan(0);
    expect(summary).toHaveProperty('cost');
  });

  it('says what it knows when the instance is closed before the service could say more', async () => {
    const { fusewire, client, printed } = open({ printSummary: 'human', meteringBaseUrl: 'http://127.0.0.1:9' });
    await client.chat.completions.create(CHAT);
    await fusewire.close();
    expect(printed).toHaveLength(1);
    expect(printed[0]).toContain('Cost: (pending aggregation)');
  });

  it('is off', async () => {
    const { client, fusewire, printed } = open({}, { REVENIUM_PRINT_SUMMARY: 'off' });
    await client.chat.completions.create(CHAT);
    await fusewire.close();
    expect(printed).toEqual([]);
  });
});
