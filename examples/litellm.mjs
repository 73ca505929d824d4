// A LiteLLM proxy, from both sides: a guarded client tells it who a call is for and meters what it answers; the proxy
// itself asks the service before a call and tells it afterwards. A call that both meter counts once.
// Run it: node examples/litellm.mjs
import { close, flush, ready } from 'fusewire';
import { guard } from 'fusewire/litellm';
import OpenAI from 'openai';
import { startLitellmStandIn } from './support/litellm-stand-in.mjs';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({
  name: 'Northwind',
  metricType: 'TOTAL_COST',
  hardLimit: 0.03,
  groupBy: 'ORGANIZATION',
});
const proxy = await startLitellmStandIn(setup.service);
process.env.LITELLM_PROXY_URL = proxy.url;

const options = { baseURL: `${proxy.url}/v1`, apiKey: 'sk-of-the-proxy', maxRetries: 0 };
const guarded = guard(new OpenAI(options));
await ready();

const messages = [{ role: 'user', content: 'Why do budgets fail?' }];
const usageMetadata = { organizationName: 'Northwind', agent: 'triage' };
const answer = await guarded.chat.completions.create({ model: 'anthropic/claude-sonnet-4-5', messages, usageMetadata });
console.log('answer:', answer.choices[0].message.content);
await flush();
await until(
  async () =>
    (await setup.service.api('GET', `/fusewire/conflicts?teamId=${setup.service.teamId}`)).page.totalElements > 0,
  'the proxy tells of the call too',
);
const [event] = await setup.service.events();
console.log(
  `metered: ${event.provider} ${event.model} ${event.inputTokenCount}+${event.cacheReadTokenCount} tokens $${event.totalCost} ${event.agent}`,
);
console.log('events of the one call:', (await setup.service.events()).length);

// Another program, without Fusewire: the proxy asks for it.
const other = new OpenAI({ ...options, defaultHeaders: { 'x-revenium-organization-name': 'Northwind' } });
const ask = () => other.chat.completions.create({ model: 'anthropic/claude-sonnet-4-5', messages });
await ask();
await until(async () => (await setup.service.events()).length === 2, 'the proxy tells of the second call');
console.log(
  'refused at the proxy:',
  await ask().then(
    () => 'no',
    (error) => error.message,
  ),
);

await close();
await proxy.stop();
await setup.stop();
