/** The packed SDK beside the packages of every provider: sub-paths, types, and one guarded call of each. */
import { type FakeService, startFakeService } from 'fusewire/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkTypes, createProject, install, type Packed, pack, removeAll } from './support/projects.js';
import { runWell } from './support/run.js';
import { type StubProvider, startStubProvider } from './support/stub-provider.js';

const OWN_CLIENTS = ['openai@^6.49.0', 'ollama@^0.6.4', '@anthropic-ai/sdk@^1.11.0', '@google/genai@^2.32.0'];
const OTHERS = ['@perplexity-ai/perplexity_ai@^0.38.5', '@fal-ai/client@^1.10.1', 'zod@^4.6.0'];
const LAYERS = ['@langchain/core@^1.2.13', '@langchain/openai@~1.5.8', 'ai@^6.0.326', '@ai-sdk/openai@^3.0.0'];

const ERRORS = ['BudgetExceededError', 'CostLimitExceeded', 'ReveniumCostLimitExceeded'];
const CLIENT = [...ERRORS, 'guard', 'isInitialized'];
const TRACKERS = ['Agent', 'Organization', 'Product', 'Quality', 'Subscriber', 'Subscription', 'Task', 'Trace'];
/** What each sub-path exports. */
const EXPORTS: Readonly<Record<string, readonly string[]>> = {
  openai: [...CLIENT, 'isOpenAIClient'],
  azure: CLIENT,
  anthropic: [...CLIENT, 'isAnthropicClient'],
  google: [...CLIENT, 'isGoogleClient'],
  ollama: [...CLIENT, 'isOllamaClient'],
  perplexity: [...CLIENT, 'isPerplexityClient'],
  litellm: [...CLIENT, 'litellmModel', ...TRACKERS.map((name) => `track${name}`)],
  fal: [...CLIENT, 'isFalClient'],
  langchain: [...CLIENT, 'ReveniumCallbackHandler', 'createLangChainHandler', 'guardEmbeddings', 'stopAtRefusal'],
  'ai-sdk': [
    ...[...CLIENT, 'fusewireMiddleware', 'fusewireEmbeddingMiddleware', 'fusewireImageMiddleware'],
    ...['guardEmbeddingModel', 'guardImageModel', 'guardRerankingModel', 'guardSpeechModel', 'guardTranscriptionModel'],
  ],
  outcomes: [
    ...['AgenticOutcomeClient', 'JobsApiError', 'OutcomeAlreadyReportedError'],
    ...['OutcomeAmendConflictError', 'OutcomeNotReportedError'],
  ],
};

const ANSWERS = {
  openai: 'Four.',
  images: '1 image',
  ollama: 'Four.',
  anthropic: 'Four.',
  google: 'Four.',
  perplexity: 'Four.',
  fal: '1 image',
  langchain: 'Four.',
};
/** The event of each call, as provider, model, and what was counted. */
const EVENTS = [
  'ANTHROPIC claude-haiku-4-5 18',
  'Google gemini-2.5-flash 18',
  'OLLAMA llama3.2 18',
  'OPENAI gpt-4.1-mini 18',
  'OPENAI gpt-4o-mini 18',
  'OPENAI gpt-image-1 18',
  'PERPLEXITY sonar 18',
  'fal_ai fal-ai/flux/dev 1 image',
];

let packed: Packed;
let project: string;
let service: FakeService;
let provider: StubProvider;
beforeAll(async () => {
  [packed, provider] = await Promise.all([pack(), startStubProvider()]);
  project = await createProject(packed, 'providers', 'module');
  await install(project, [packed.sdk]);
});
beforeEach(async () => {
  await service?.close();
  service = await startFakeService();
});
afterAll(async () => {
  await service?.close();
  await provider?.close();
  await removeAll(packed);
});

function environment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    REVENIUM_METERING_API_KEY: service.apiKey,
    REVENIUM_METERING_BASE_URL: service.url,
    REVENIUM_TEAM_ID: service.teamId,
    REVENIUM_CIRCUIT_BREAKER_ENABLED: 'true',
    REVENIUM_LOG_LEVEL: 'ERROR',
    TEST_PROVIDER_URL: provider.url,
    ...extra,
  };
}

async function runProgram(args: readonly string[], extra?: Readonly<Record<string, string>>): Promise<unknown> {
  const stdout = await runWell(process.execPath, args, { cwd: project, env: environment(extra) });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

const metered = () =>
  service.events
    .map(({ provider, model, totalTokenCount: tokens, actualImageCount: images }) => {
      const counted = provider === 'fal_ai' ? `${images} image` : tokens;
      return `${provider} ${model} ${counted}`;
    })
    .sort((a, b) => (a < b ? -1 : 1));

describe('the sub-paths, with no package of a provider installed', () => {
  it('import and require, export what they say, and are not initialized', async () => {
    const said = (await runProgram(['sub-paths.cjs'])) as Record<string, Record<string, unknown>>;
    for (const [path, names] of Object.entries(EXPORTS)) {
      const initialized = path === 'outcomes' ? [null, null] : [false, false];
      const sorted = [...names].sort();
      expect({ path, ...said[path] }).toEqual({ path, required: sorted, imported: sorted, initialized });
    }
  });
});

describe('beside the packages of every provider', () => {
  beforeAll(() => install(project, [...OWN_CLIENTS, ...OTHERS, ...LAYERS]));

  it('guarded clients keep their types and take usageMetadata, and layers take what is made for them', async () => {
    // Declarations of other packages do not compile under the strictest settings; ours did without them.
    await checkTypes(
      project,
      ['types-providers.mts', 'types-providers.cts'],
      ['ES2023', 'DOM', 'DOM.AsyncIterable'],
      true,
    );
  });

  it.each(['every-guarded.mjs', 'every-guarded.cjs'])(
    'I1, I4: in %s, each call is metered, or refused',
    async (name) => {
      expect(await runProgram([name])).toEqual({ ...ANSWERS, aiSdk: 'Four.' });
      expect(metered()).toEqual([...EVENTS, 'OPENAI gpt-4.1-nano 18'].sort());
      service.setRules([{ name: 'Cap', breached: true }]);
      const sent = provider.requests;
      const refused = { error: 'BudgetExceededError', code: 'COST_LIMIT_EXCEEDED', rule: 'Cap' };
      const outcomes = (await runProgram([name])) as Record<string, unknown>;
      expect(outcomes).toEqual(Object.fromEntries(Object.keys({ ...ANSWERS, aiSdk: '' }).map((key) => [key, refused])));
      expect(provider.requests).toBe(sent);
      expect(service.events).toHaveLength(EVENTS.length + 1);
    },
  );

  it.each([
    ['--import', 'every-plain.mjs'],
    ['--import', 'every-plain.cjs'],
    ['--require', 'every-plain.cjs'],
  ])('I4: node %s fusewire/register %s meters all of them', async (flag, name) => {
    expect(await runProgram([flag, 'fusewire/register', name])).toEqual(ANSWERS);
    expect(metered()).toEqual(EVENTS);
  });

  it('I1: node --import fusewire/register refuses all of them', async () => {
    service.fail(503);
    const sent = provider.requests;
    const args = ['--import', 'fusewire/register', 'every-plain.mjs'];
    const outcomes = (await runProgram(args, { REVENIUM_CB_FAIL_MODE: 'closed' })) as Record<string, object>;
    expect(Object.keys(outcomes)).toEqual(Object.keys(ANSWERS));
    for (const [name, outcome] of Object.entries(outcomes))
      expect({ name, ...outcome }).toMatchObject({ name, error: 'BudgetExceededError' });
    expect(provider.requests).toBe(sent);
  });
});
