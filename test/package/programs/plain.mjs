// A program that knows nothing of Fusewire: `node --import fusewire/register plain.mjs`.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: `${process.env.TEST_PROVIDER_URL}/v1`, apiKey: 'not-a-key' });
const messages = [{ role: 'user', content: 'What is two and two?' }];
const answer = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });
console.log(answer.choices[0].message.content);
