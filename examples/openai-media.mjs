// Images and sound: metered by what they are billed by, and marked unknown where nobody can say what that was.
// Run it: node examples/openai-media.mjs
import { close, flush, ready } from 'fusewire';
import { guard } from 'fusewire/openai';
import OpenAI from 'openai';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const client = guard(new OpenAI());
await ready();

const usageMetadata = { agent: 'studio' };
const images = await client.images.generate({ model: 'gpt-image-1', prompt: 'a balance', n: 2, usageMetadata });
console.log('images:', images.data.length);

const speech = await client.audio.speech.create({
  model: 'tts-1',
  voice: 'alloy',
  input: 'The budget is used up.',
  usageMetadata,
});
console.log('speech:', (await speech.arrayBuffer()).byteLength, 'bytes');

const file = new File([Buffer.from('RIFF')], 'call.wav');
const heard = await client.audio.transcriptions.create({ model: 'whisper-1', file, response_format: 'verbose_json' });
console.log('heard:', heard.text.slice(0, 8));

await flush();
const unitsOf = (event) => event.actualImageCount ?? event.characterCount ?? `${event.durationSeconds} seconds`;
for (const kind of ['ai/images', 'ai/audio']) {
  for (const event of await setup.service.events(kind)) {
    // No price list has this model's rate: unknown is not the same as free.
    const cost = event.priceState === 'known' ? `$${event.totalCost}` : `price ${event.priceState}`;
    console.log(`metered: ${event.operationSubtype} ${event.model}, ${unitsOf(event)} ${event.billingUnit}, ${cost}`);
  }
}
await close();
await setup.stop();
