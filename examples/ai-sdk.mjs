// Middleware for Vercel's AI SDK: every call of a wrapped model is checked before it is sent and metered once.
// Run it: node examples/ai-sdk.mjs
import { createOpenAI } from '@ai-sdk/openai';
import { embed, generateText, streamText, wrapEmbeddingModel, wrapLanguageModel } from 'ai';
import { close, flush, ready } from 'fusewire';
import { BudgetExceededError, fusewireEmbeddingMiddleware, fusewireMiddleware } from 'fusewire/ai-sdk';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({
  name: 'Tokens of Northwind',
  metricType: 'TOKEN_COUNT',
  hardLimit: 100_000,
  filters: [{ dimension: 'ORGANIZATION', operator: 'IS', value: 'Northwind' }],
});

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL });
const model = wrapLanguageModel({
  model: openai.chat('gpt-4o-mini'),
  middleware: fusewireMiddleware({ usageMetadata: { organizationName: 'Northwind' } }),
});
await ready();

// Metadata of a single call goes into providerOptions.fusewire; no provider sees it.
const providerOptions = { fusewire: { agent: 'triage', subscriber: { id: 'u-88' } } };
const { text } = await generateText({ model, prompt: 'Why do budgets fail?', providerOptions });
console.log('answer:', text);

const streamed = streamText({ model, prompt: 'And plans?', providerOptions });
for await (const _ of streamed.textStream);

const embedder = wrapEmbeddingModel({
  model: openai.embeddingModel('text-embedding-3-small'),
  middleware: fusewireEmbeddingMiddleware(),
});
const { embedding } = await embed({ model: embedder, value: 'budget' });
console.log('embedding:', embedding.length, 'numbers');

await flush();
for (const event of (await setup.service.events()).reverse()) {
  console.log(
    'metered:',
    event.model,
    event.operationType,
    event.isStreamed ? 'streamed' : 'whole',
    event.totalTokenCount,
  );
}

let refusal;
await until(async () => {
  const asked = generateText({ model, prompt: 'And limits?', providerOptions });
  refusal = await asked.then(() => undefined).catch((error) => error);
  return refusal !== undefined;
}, 'the budget is used up');
if (!BudgetExceededError.is(refusal)) throw refusal;

// A stream says it in onError and in its error part; its promises reject in the SDK's own way.
const before = await setup.models.requests();
const refused = streamText({
  model,
  prompt: 'And limits?',
  onError: ({ error }) => console.log('refused:', BudgetExceededError.find(error)?.ruleName),
});
await refused.consumeStream();
console.log('requests of a refused stream:', (await setup.models.requests()) - before);

await close();
await setup.stop();
