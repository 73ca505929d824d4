// A guarded client of fal.ai: pictures are counted when they are made, and a budget in pictures trips.
// Run it: node examples/fal.mjs
import { fal } from '@fal-ai/client';
import { BudgetExceededError, close, flush, guard, ready } from 'fusewire';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({ name: 'Pictures of the day', metricType: 'IMAGE_COUNT', hardLimit: 4 });

// In place of fal's servers: a queue that is done at once, and two pictures.
let requests = 0;
const standIn = async (url, init) => {
  const queued = /\/requests\/([^/?]+)(\/status)?/.exec(url);
  if (init.method === 'POST') requests += 1;
  const id = `00000000-0000-4000-8000-${String(requests).padStart(12, '0')}`;
  if (queued === null) return Response.json({ status: 'IN_QUEUE', request_id: id, queue_position: 0 });
  if (queued[2] !== undefined) return Response.json({ status: 'COMPLETED', request_id: queued[1] });
  const picture = { url: 'https://v3.fal.media/files/a.png', width: 1024, height: 768 };
  return Response.json({ images: [picture, picture] }, { headers: { 'x-fal-billable-units': '2' } });
};
fal.config({ credentials: 'not-needed-by-the-stand-in', fetch: standIn });

const client = guard(fal);
await ready();

let calls = 0;
let refusal;
await until(async () => {
  try {
    const result = await client.subscribe('fal-ai/flux/dev', {
      input: { prompt: 'a lighthouse', num_images: 2 },
      usageMetadata: { agent: 'illustrator' },
    });
    calls += 1;
    console.log('made:', result.data.images.length, 'pictures, transaction', result._revenium_transaction_id);
    await flush();
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    refusal = error;
  }
  return refusal !== undefined;
}, 'the budget in pictures to trip');

console.log(`refused: ${refusal.ruleName}, ${refusal.currentValue} of ${refusal.threshold}`);
console.log(`requests to fal: ${requests}, calls that were answered: ${calls}`);

await close();
await setup.stop();
