// Compiled by `npm run types`, never run: the type of a guarded client fits where the client's own type fits, and its
// calls also take `usageMetadata`.

import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient, type FalClient, fal } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import { Ollama } from 'ollama';
import OpenAI, { AzureOpenAI } from 'openai';
import type { Guarded } from '../../src/guarded.js';

declare function guard<T extends object>(client: T): Guarded<T>;
declare function needsOpenAI(client: OpenAI): void;

const usageMetadata = { agent: 'triage', subscriber: { id: 'u-88' }, trace_id: 'conv-71' };
const messages = [{ role: 'user' as const, content: 'Hi' }];

export async function openai(): Promise<void> {
  const client = guard(new OpenAI());
  needsOpenAI(client);
  const answer = await client.chat.completions.create({ model: 'm', messages, usageMetadata });
  const text: string | null = answer.choices[0]!.message.content;
  const stream = await client.chat.completions.create({ model: 'm', messages, stream: true, usageMetadata });
  for await (const chunk of stream) chunk.choices[0]?.delta.content?.slice(0);
  const plain = await client.chat.completions.create({ model: 'm', messages });
  plain.usage?.total_tokens.toFixed();
  const response = await client.responses.create({ model: 'm', input: text ?? '', usageMetadata });
  response.output_text.slice(0);
  const parsed = await client.chat.completions.parse({ model: 'm', messages, usageMetadata });
  parsed.choices[0]?.message.parsed;
  const helper = client.chat.completions.stream({ model: 'm', messages, usageMetadata });
  (await helper.finalChatCompletion()).choices.length.toFixed();
  const responses = client.responses.stream({ model: 'm', input: 'x', usageMetadata });
  (await responses.finalResponse()).output_text.slice(0);
  const vector = await client.embeddings.create({ model: 'm', input: 'x', usageMetadata });
  vector.data[0]!.embedding.length.toFixed();
  const { data } = await client.chat.completions.create({ model: 'm', messages, usageMetadata }).withResponse();
  data.choices.length.toFixed();
  // @ts-expect-error usageMetadata is an object
  await client.chat.completions.create({ model: 'm', messages, usageMetadata: 'text' });
  // @ts-expect-error the provider's own fields are still checked
  await client.chat.completions.create({ model: 'm', usageMetadata });
  needsOpenAI(guard(new AzureOpenAI()));
}

export async function openaiMedia(file: File): Promise<void> {
  const client = guard(new OpenAI());
  const image = await client.images.generate({ model: 'm', prompt: 'x', usageMetadata });
  image.data?.length.toFixed();
  const streamed = await client.images.generate({ model: 'm', prompt: 'x', stream: true, usageMetadata });
  for await (const event of streamed) event.type.slice(0);
  (await client.images.edit({ image: file, prompt: 'x', usageMetadata })).data?.length.toFixed();
  (await client.images.createVariation({ image: file, usageMetadata })).data?.length.toFixed();
  await (await client.audio.speech.create({ model: 'm', input: 'x', voice: 'alloy', usageMetadata })).arrayBuffer();
  (await client.audio.transcriptions.create({ model: 'm', file, usageMetadata })).text.slice(0);
  const verbose = await client.audio.transcriptions.create({
    model: 'm',
    file,
    response_format: 'verbose_json',
    usageMetadata,
  });
  verbose.duration.toFixed();
  const srt = await client.audio.transcriptions.create({ model: 'm', file, response_format: 'srt', usageMetadata });
  srt.slice(0);
  (await client.moderations.create({ input: 'x', usageMetadata })).results.length.toFixed();
  (await client.videos.create({ prompt: 'x', usageMetadata })).id.slice(0);
  (await client.videos.remix('video_1', { prompt: 'x' })).id.slice(0);
  // @ts-expect-error the provider's own fields are still checked
  await client.images.generate({ usageMetadata });
}

export async function ollama(): Promise<void> {
  const client = guard(new Ollama());
  const answer = await client.chat({ model: 'm', messages, usageMetadata });
  answer.message.content.slice(0);
  for await (const part of await client.generate({ model: 'm', prompt: 'x', stream: true, usageMetadata })) {
    part.response?.slice(0);
  }
  (await client.embed({ model: 'm', input: 'x', usageMetadata })).embeddings.length.toFixed();
}

export async function google(): Promise<void> {
  const client = guard(new GoogleGenAI({ apiKey: 'k' }));
  const plain: GoogleGenAI = client;
  const ask = { model: 'gemini-2.5-flash', contents: 'Hi' };
  (await client.models.generateContent({ ...ask, usageMetadata })).text?.slice(0);
  for await (const chunk of await client.models.generateContentStream({ ...ask, usageMetadata })) chunk.text?.slice(0);
  (await client.models.embedContent({ ...ask, usageMetadata })).embeddings?.length.toFixed();
  const chat = client.chats.create({ model: 'gemini-2.5-flash', usageMetadata });
  (await chat.sendMessage({ message: 'Hi', usageMetadata })).text?.slice(0);
  for await (const chunk of await chat.sendMessageStream({ message: 'Hi', usageMetadata })) chunk.text?.slice(0);
  await client.caches.create({ model: 'gemini-2.5-flash', usageMetadata });
  const answer = await client.interactions.create({ model: 'gemini-2.5-flash', input: 'Hi', usageMetadata });
  answer.id?.slice(0);
  // @ts-expect-error the provider's own fields are still checked
  await client.models.generateContent({ model: 'gemini-2.5-flash', usageMetadata });
  await plain.models.countTokens(ask);
}

export async function falClients(): Promise<void> {
  const client: FalClient = guard(createFalClient());
  const singleton = guard(fal);
  const { data, requestId } = await singleton.run('fal-ai/flux/dev', { input: { prompt: 'a' }, usageMetadata });
  data.images.length.toFixed();
  requestId.slice(0);
  const { request_id: id } = await singleton.queue.submit('acme/thing', { input: { any: 1 }, usageMetadata });
  await singleton.queue.result('acme/thing', { requestId: id, usageMetadata });
  await singleton.subscribe('fal-ai/flux/dev', { input: { prompt: 'a' }, usageMetadata });
  (await singleton.stream('fal-ai/flux/dev', { input: { prompt: 'a' }, usageMetadata })).abort();
  await client.run('fal-ai/flux/dev', { input: { prompt: 'a' } });
}

declare function needsAnthropic(client: Anthropic): void;

export async function anthropic(): Promise<void> {
  const client = guard(new Anthropic());
  needsAnthropic(client);
  const body = { model: 'm', max_tokens: 1, messages };
  (await client.messages.create({ ...body, usageMetadata })).content.length.toFixed();
  for await (const event of await client.messages.create({ ...body, stream: true, usageMetadata })) event.type.slice(0);
  (await client.beta.messages.create({ ...body, usageMetadata })).content.length.toFixed();
  const requests = [{ custom_id: 'a', params: body }];
  (await client.messages.batches.create({ requests, usageMetadata })).id.slice(0);
  const { data } = await client.messages.create({ ...body, usageMetadata }).withResponse();
  data.id.slice(0);
  // @ts-expect-error the provider's own fields are still checked
  await client.messages.create({ model: 'm', messages, usageMetadata });
  const bedrock = guard(new AnthropicBedrock());
  (await bedrock.messages.create({ ...body, usageMetadata })).content.length.toFixed();
}
