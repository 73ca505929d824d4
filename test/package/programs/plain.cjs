// As plain.mjs, as CommonJS: `node --require fusewire/register plain.cjs`.
const OpenAI = require('openai');

const client = new OpenAI({ baseURL: `${process.env.TEST_PROVIDER_URL}/v1`, apiKey: 'not-a-key' });
const messages = [{ role: 'user', content: 'What is two and two?' }];
client.chat.completions.create({ model: 'gpt-4o-mini', messages }).then((answer) => {
  console.log(answer.choices[0].message.content);
});
