// Usage metadata around code: call beats inner scope beats outer scope beats environment.
// Run it: node examples/metadata-scopes.mjs
import { close, flush, guard, ready, withUsageMetadata } from 'fusewire';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup({ REVENIUM_ENVIRONMENT: 'staging' });
const client = guard(new OpenAI());
await ready();

const ask = (extra = {}) =>
  client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }], ...extra });

await withUsageMetadata({ organizationName: 'Northwind', agent: 'triage' }, async () => {
  await ask();
  await withUsageMetadata({ agent: 'writer' }, () => ask());
  await ask({ usageMetadata: { agent: 'reviewer', taskType: 'classify' } });
});

await flush();
for (const event of (await setup.service.events()).reverse()) {
  console.log(event.organizationName, event.agent, event.taskType ?? '-', event.environment);
}
await close();
await setup.stop();
