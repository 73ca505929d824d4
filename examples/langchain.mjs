// A callback handler for LangChain: each run of a model is checked before it is sent and metered once, each run of a
// tool is a tool event, and all of them are one trace. Run it: node examples/langchain.mjs
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { RunnableLambda } from '@langchain/core/runnables';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { BudgetExceededError, ReveniumCallbackHandler } from 'fusewire/langchain';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({
  name: 'Tokens of Northwind',
  metricType: 'TOKEN_COUNT',
  hardLimit: 100_000,
  filters: [{ dimension: 'ORGANIZATION', operator: 'IS', value: 'Northwind' }],
});

const handler = new ReveniumCallbackHandler({ organizationName: 'Northwind', subscriber: { id: 'u-88' } });
await handler.ready();

const model = new ChatOpenAI({ model: 'gpt-4o-mini', configuration: { baseURL: process.env.OPENAI_BASE_URL } });
const ask = ChatPromptTemplate.fromTemplate('Why do {what} fail?').pipe(model);
const schema = { type: 'object', properties: { of: { type: 'string' } } };
const lookUp = tool(async ({ of }) => `${of}: too late`, { name: 'look-up', description: 'Looks a cause up', schema });

// Callbacks of a call reach everything that it does.
const desk = RunnableLambda.from(async (what, config) => {
  await lookUp.invoke({ of: what }, config);
  return ask.invoke({ what }, config);
}).withConfig({ runName: 'cause desk' });
const options = { callbacks: [handler], metadata: { usageMetadata: { taskType: 'explain' } } };

const answer = await desk.invoke('budgets', options);
console.log('answer:', answer.content);
for await (const _ of await ask.stream({ what: 'plans' }, options));
await handler.flush();

const events = await setup.service.events();
for (const { model: name, agent, isStreamed, totalTokenCount } of events.reverse()) {
  console.log('metered:', name, agent ?? '-', isStreamed ? 'streamed' : 'whole', totalTokenCount, 'tokens');
}

let refusal;
await until(async () => {
  const asked = ask.invoke({ what: 'limits' }, options);
  refusal = await asked.then(() => undefined).catch((error) => error);
  return refusal !== undefined;
}, 'the budget is used up');
if (!BudgetExceededError.is(refusal)) throw refusal;
const before = await setup.models.requests();
await ask.invoke({ what: 'limits' }, options).catch(() => undefined);
console.log('refused:', refusal.ruleName, '- requests of a refused run:', (await setup.models.requests()) - before);

await handler.close();
await setup.stop();
