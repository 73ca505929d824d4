// A control in shadow mode: it is evaluated and it says what it would have refused, and it refuses nothing.
// Run it: node examples/shadow-mode.mjs
import { close, flush, guard, ready, status } from 'fusewire';
import OpenAI from 'openai';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup({ REVENIUM_LOG_LEVEL: 'WARNING' });
await setup.service.createControl({ name: 'Trial cap', metricType: 'TOTAL_COST', hardLimit: 0.01, shadowMode: true });

const client = guard(new OpenAI());
await ready();
for (let call = 1; call <= 4; call += 1) {
  await client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Go on.' }] });
  await flush();
}
const tripped = async () => {
  const { _embedded } = await setup.service.api(
    'GET',
    `/ai/enforcement-events?teamId=${setup.service.teamId}&level=ALL`,
  );
  return (_embedded?.objectList ?? []).some((event) => event.isShadow);
};
await until(tripped, 'the shadow hit to be recorded');
console.log('4 calls answered, refused:', status().calls.refused, '- the shadow hit is recorded by the service');
await close();
await setup.stop();
