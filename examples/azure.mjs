// Azure OpenAI: a deployment has any name, and what is decided and priced is the model behind it.
// Run it: node examples/azure.mjs
import { close, flush, ready } from 'fusewire';
import { guard } from 'fusewire/azure';
import { AzureOpenAI } from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const azure = new AzureOpenAI({
  baseURL: `${setup.models.url}/openai`,
  apiKey: 'not-needed-by-the-stand-in',
  apiVersion: '2024-10-21',
});
// Names that say their model need no entry; FUSEWIRE_AZURE_DEPLOYMENTS is the same map as JSON.
const client = guard(azure, { deployments: { 'support-prod': 'gpt-4o-mini' } });
await ready();

const messages = [{ role: 'user', content: 'Why do budgets fail?' }];
const answer = await client.chat.completions.create({ model: 'support-prod', messages });
console.log('answer:', answer.choices[0].message.content);
await client.chat.completions.create({ model: 'team-gpt-4.1-mini', messages });

await flush();
for (const event of await setup.service.events()) {
  const { deployment, requestedModel } = event.attributes;
  console.log(`metered: ${event.provider} ${deployment} is ${requestedModel}, $${event.totalCost}`);
}
await close();
await setup.stop();
