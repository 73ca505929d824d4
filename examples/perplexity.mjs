// Perplexity through its own client: the cost that it names itself is what a call costs; a search names none, so its
// price is declared once.
// Run it: node examples/perplexity.mjs
import Perplexity from '@perplexity-ai/perplexity_ai';
import { close, flush, ready } from 'fusewire';
import { guard } from 'fusewire/perplexity';
import { startPerplexityStandIn } from './support/perplexity-stand-in.mjs';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();
const perplexity = await startPerplexityStandIn();

const client = guard(new Perplexity({ apiKey: 'not-needed-by-the-stand-in', baseURL: perplexity.url }));
await ready();

const messages = [{ role: 'user', content: 'Why do budgets fail?' }];
const answer = await client.chat.completions.create({
  model: 'sonar',
  messages,
  usageMetadata: { agent: 'researcher' },
});
console.log('answer:', answer.choices[0].message.content);

let text = '';
for await (const chunk of await client.chat.completions.create({ model: 'sonar', messages, stream: true })) {
  text += chunk.choices[0]?.delta.content ?? '';
}
console.log('streamed:', text);

await setup.service.api('POST', '/fusewire/prices', {
  ...{ provider: 'PERPLEXITY', model: 'search', kind: 'rates' },
  perRequest: 0.005,
});
await client.search.create({ query: 'budgets' });

await flush();
for (const event of await setup.service.events()) {
  const { usageState } = event.attributes;
  console.log(
    `metered: ${event.operationType} ${event.model} ${event.totalTokenCount} tokens $${event.totalCost} ${usageState}`,
  );
}
await close();
await perplexity.stop();
await setup.stop();
