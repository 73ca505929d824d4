// A program that makes calls under a hard budget and ends by itself, without a word to the SDK.
import OpenAI from 'openai';
import { createFusewire } from '../../src/index.js';
import { MODEL, promptOf } from './overspend/stand-in.js';

const { serviceUrl, teamId, key, providerUrl } = JSON.parse(process.argv[2] ?? '{}');
const fusewire = createFusewire({
  apiKey: key,
  teamId,
  meteringBaseUrl: serviceUrl,
  circuitBreakerEnabled: true,
  logLevel: 'CRITICAL',
});
const client = fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${providerUrl}/v1`, maxRetries: 0 }));
await fusewire.ready();
for (let number = 0; number < 5; number += 1) {
  const messages = [{ role: 'user' as const, content: promptOf(number) }];
  await client.chat.completions.create({ model: MODEL, messages, max_tokens: 50 });
}
