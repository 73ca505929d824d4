// A guarded client of Google: Gemini's API, the same through Vertex AI, a stream that is left early, and a chat.
// Run it: node examples/google.mjs
import { GoogleGenAI } from '@google/genai';
import { close, flush, guard, ready } from 'fusewire';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const gemini = guard(new GoogleGenAI({}));
await ready();

const answer = await gemini.models.generateContent({
  model: 'gemini-2.5-flash',
  contents: 'Why do budgets fail?',
  usageMetadata: { agent: 'triage', subscriber: { id: 'u-88', email: 'rita@example.org' } },
});
console.log('answer:', answer.text);
console.log('transaction:', answer._revenium_transaction_id);

// Vertex AI is the same client in another mode; here with an API key, mostly with `project` and `location`.
const vertex = guard(new GoogleGenAI({ vertexai: true, apiKey: process.env.GEMINI_API_KEY }));
const stream = await vertex.models.generateContentStream({ model: 'gemini-2.5-pro', contents: 'Go on.' });
for await (const chunk of stream) {
  console.log('left after:', chunk.text.trim());
  break;
}

// What is said of a chat holds for each of its messages.
const chat = gemini.chats.create({ model: 'gemini-2.5-flash', usageMetadata: { taskType: 'small talk' } });
console.log('chat:', (await chat.sendMessage({ message: 'Hello' })).text);

// The Gemini API counts no tokens of embeddings: they are estimated from the text, and marked so.
await gemini.models.embedContent({ model: 'gemini-embedding-001', contents: 'budgets and limits' });

await flush();
for (const event of await setup.service.events()) {
  const { usageState } = event.attributes ?? {};
  const counts = `${event.totalTokenCount} tokens, ${event.reasoningTokenCount ?? 0} of them thoughts`;
  console.log('metered:', event.model, event.modelSource, event.operationType, event.stopReason, counts, usageState);
}
await close();
await setup.stop();
