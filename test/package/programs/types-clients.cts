// As types-clients.mts, as CommonJS.
import { BudgetExceededError, defineProvider, type Guarded, guard } from 'fusewire';
import { guard as guardOllama } from 'fusewire/ollama';
import { guard as guardOpenAI } from 'fusewire/openai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

const openai: Guarded<OpenAI> = guard(new OpenAI());
const ollama = guardOllama(new Ollama());
const messages = [{ role: 'user' as const, content: 'Why?' }];

export async function everything(): Promise<string> {
  const usageMetadata = { agent: 'triage' };
  const answer = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata });
  const text: string | null | undefined = answer.choices[0]?.message.content;
  const stream = await openai.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true, usageMetadata });
  for await (const chunk of stream) chunk.choices[0]?.delta.content?.trim();
  stream.controller.abort();
  const { data, response } = await guardOpenAI(openai)
    .chat.completions.create({ model: 'gpt-4o-mini', messages })
    .withResponse();
  const chat = await ollama.chat({ model: 'llama3.2', messages, usageMetadata });
  for await (const part of await ollama.chat({ model: 'llama3.2', messages, stream: true }))
    part.message.content.trim();
  // @ts-expect-error a misspelt field of the provider is still an error
  await openai.chat.completions.create({ modle: 'gpt-4o-mini', messages });
  console.log(data.id, response.status, BudgetExceededError.name, typeof defineProvider);
  return `${text}${chat.message.content}`;
}
