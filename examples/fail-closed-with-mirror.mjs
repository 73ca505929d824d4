// Fail-closed: no call passes before a rule set was loaded. With a mirror on disk, a restart while the service is away
// starts from the last rules instead of refusing everything.
// Run it: node examples/fail-closed-with-mirror.mjs
import { join } from 'node:path';
import { BudgetExceededError, createFusewire } from 'fusewire';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup({ REVENIUM_CB_FAIL_MODE: 'closed' });
await setup.service.createControl({ name: 'Plenty', metricType: 'TOTAL_COST', hardLimit: 1000 });
const cacheDir = join(setup.service.folder, 'mirror');

const ask = async (client, label) => {
  try {
    await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }] });
    console.log(`${label}: answered`);
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    console.log(`${label}: refused: ${error.message}`);
  }
};

const first = createFusewire({ cacheDir });
await ask(first.guard(new OpenAI()), 'before the first poll');
await first.ready();
await ask(first.guard(new OpenAI()), 'after the first poll');
await first.close();

await setup.service.stop();
const second = createFusewire({ cacheDir, shutdownTimeoutSeconds: 0.2 });
await second.ready();
await ask(second.guard(new OpenAI()), 'restart without the service, with the mirror');
await second.close();

const third = createFusewire({ shutdownTimeoutSeconds: 0.2 });
await ask(third.guard(new OpenAI()), 'restart without the service and without a mirror');
await third.close();
await setup.stop();
