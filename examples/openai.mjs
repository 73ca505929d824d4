// A guarded OpenAI client: every call is checked before it is sent and metered after it was answered.
// Run it: node examples/openai.mjs
import { close, flush, guard, ready } from 'fusewire';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const client = guard(new OpenAI());
await ready();

const answer = await client.chat.completions.create({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Why do budgets fail?' }],
  usageMetadata: { agent: 'triage', subscriber: { id: 'u-88', email: 'rita@example.org' } },
});
console.log('answer:', answer.choices[0].message.content);
console.log('transaction:', answer._revenium_transaction_id);

const vector = await client.embeddings.create({
  model: 'text-embedding-3-small',
  input: 'budget',
  encoding_format: 'float',
});
console.log('embedding:', vector.data[0].embedding.length, 'numbers');

await flush();
for (const event of await setup.service.events()) {
  console.log('metered:', event.model, event.operationType, event.totalTokenCount, 'tokens', `$${event.totalCost}`);
}
await close();
await setup.stop();
