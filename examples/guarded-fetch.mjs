// A fetch that decides on and meters requests to models, and lets any other request pass.
// Run it: node examples/guarded-fetch.mjs
import { BudgetExceededError, close, flush, guardFetch, ready } from 'fusewire';
import OpenAI from 'openai';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({
  name: 'Tokens of the scraper',
  metricType: 'TOKEN_COUNT',
  hardLimit: 80_000,
  filters: [{ dimension: 'AGENT', operator: 'IS', value: 'scraper' }],
});

// Hosts of providers are known; a server of one's own is named.
const { host } = new URL(setup.models.url);
const guardedFetch = guardFetch(undefined, { hosts: { [host]: 'openai' } });
await ready();

const ask = (agent) =>
  guardedFetch(`${setup.models.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Why do budgets fail?' }] }),
    usageMetadata: { agent },
  });

await until(async () => {
  try {
    const answer = await (await ask('scraper')).json();
    console.log('answer:', answer.choices[0].message.content);
    await flush();
    return false;
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    console.log('refused:', error.message);
    return true;
  }
}, 'the budget of the scraper to trip');

// Another agent goes on; so does a client that takes a fetch, and what is no request to a model.
const { choices } = await (await ask('writer')).json();
console.log('another agent:', choices.length, 'answer');
const client = new OpenAI({ fetch: guardedFetch });
const { usage } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [] });
console.log('a client that takes a fetch:', usage.total_tokens, 'tokens');
console.log('another request:', (await guardedFetch(`${setup.models.url}/requests`)).status);

await flush();
for (const event of await setup.service.events()) {
  console.log('metered:', event.model, event.agent ?? '-', event.totalTokenCount, 'tokens');
}
await close();
await setup.stop();
