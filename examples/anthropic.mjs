// A guarded Anthropic client: caches, a stream that is left early, and a batch, metered when its results are read.
// Run it: node examples/anthropic.mjs
import Anthropic from '@anthropic-ai/sdk';
import { close, flush, guard, ready } from 'fusewire';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const client = guard(new Anthropic());
await ready();

const request = {
  model: 'claude-sonnet-5',
  max_tokens: 1_024,
  messages: [{ role: 'user', content: 'Why do budgets fail?' }],
};
const answer = await client.messages.create({ ...request, usageMetadata: { agent: 'triage' } });
console.log('answer:', answer.content[0].text);

for await (const event of await client.messages.create({ ...request, stream: true })) {
  if (event.type === 'content_block_delta') break;
}

// Counting tokens costs nothing: it is neither refused nor metered.
console.log('counted:', (await client.messages.countTokens(request)).input_tokens);

// A batch is decided on when it is made. Reading its results twice meters them once.
const batch = await client.messages.batches.create({ requests: [{ custom_id: 'first', params: request }] });
for (let round = 0; round < 2; round += 1) {
  for await (const { custom_id, result } of await client.messages.batches.results(batch.id)) {
    console.log('result:', custom_id, result.type);
  }
}

await flush();
for (const event of await setup.service.events()) {
  const { model, stopReason, pricingTier = 'STANDARD', inputTokenCount, cacheReadTokenCount, attributes } = event;
  const counts = `${inputTokenCount} in, ${cacheReadTokenCount} from the cache`;
  console.log(
    'metered:',
    model,
    stopReason,
    pricingTier,
    counts,
    attributes.usageState,
    event.totalCost ?? 'price unknown',
  );
}
await close();
await setup.stop();
