// What a refused call looks like, and proof that it was not sent.
// Run it: node examples/catching-the-error.mjs
import { BudgetExceededError, close, flush, guard, ready, status } from 'fusewire';
import OpenAI from 'openai';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({ name: 'Nightly batch cap', metricType: 'TOTAL_COST', hardLimit: 0.02 });

const client = guard(new OpenAI());
await ready();

const ask = () =>
  client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Go on.' }] });

let refusal;
await until(async () => {
  try {
    await ask();
    await flush();
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) throw error;
    refusal = error;
  }
  return refusal !== undefined;
}, 'the budget to trip');

const before = await setup.models.requests();
await ask().catch(() => undefined);
console.log(JSON.stringify(refusal, undefined, 2));
console.log('requests that the refused call made:', (await setup.models.requests()) - before);
console.log('refused so far:', status().calls.refused);
await close();
await setup.stop();
