// The bypass, for incidents: every call passes, is metered, and is marked.
// Run it: node examples/bypass.mjs
import { BudgetExceededError, close, flush, guard, ready, setBypass } from 'fusewire';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({ name: 'Nothing at all', metricType: 'TOTAL_COST', hardLimit: 0 });
const client = guard(new OpenAI());
await ready();

const ask = async (label) => {
  try {
    await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }] });
    console.log(`${label}: answered`);
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    console.log(`${label}: refused`);
  }
};

await ask('bypass off');
setBypass(true);
await ask('bypass on');
setBypass(false);
await ask('bypass off again');

await flush();
for (const event of await setup.service.events()) console.log('metered, bypass:', event.attributes.bypass);
await close();
await setup.stop();
