// Streams are metered too: read to the end, left early, or aborted.
// Run it: node examples/streaming.mjs
import { close, flush, guard, ready } from 'fusewire';
import OpenAI from 'openai';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
// The stand-in knows `stream_options.include_usage`; for hosts that are not known to take it, it is opt-in.
const client = guard(new OpenAI(), { injectUsage: true });
await ready();

const request = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Count.' }], stream: true };

const whole = await client.chat.completions.create(request);
for await (const chunk of whole) process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
console.log();

const early = await client.chat.completions.create(request);
for await (const chunk of early) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? '');
  break;
}
console.log('… left early');

await flush();
await until(async () => (await setup.service.events()).length === 2, 'both streams to be metered');
for (const event of await setup.service.events()) {
  const { stopReason, inputTokenCount, outputTokenCount, attributes } = event;
  console.log('metered:', stopReason, inputTokenCount, outputTokenCount, attributes.usageState);
}
await close();
await setup.stop();
