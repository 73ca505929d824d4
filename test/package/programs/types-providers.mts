// Compiles against the packed SDK with every provider's package installed: a guarded client keeps its own type, and its
// calls take `usageMetadata`.
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient, type FalClient, fal } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import Perplexity from '@perplexity-ai/perplexity_ai';
import { wrapEmbeddingModel, wrapImageModel, wrapLanguageModel } from 'ai';
import { createFusewire, type Guarded } from 'fusewire';
import {
  fusewireEmbeddingMiddleware,
  fusewireImageMiddleware,
  fusewireMiddleware,
  guardSpeechModel,
  guardTranscriptionModel,
} from 'fusewire/ai-sdk';
import { guard as guardAnthropic } from 'fusewire/anthropic';
import { guard as guardAzure } from 'fusewire/azure';
import { guard as guardFal } from 'fusewire/fal';
import { guard as guardGoogle } from 'fusewire/google';
import { guardEmbeddings, ReveniumCallbackHandler } from 'fusewire/langchain';
import { guard as guardOllama } from 'fusewire/ollama';
import { guard as guardOpenAI } from 'fusewire/openai';
import { guard as guardPerplexity } from 'fusewire/perplexity';
import { Ollama } from 'ollama';
import OpenAI, { AzureOpenAI } from 'openai';

const usageMetadata = { agent: 'triage', subscriber: { id: 'u-88' } };
const messages = [{ role: 'user' as const, content: 'Why?' }];

export async function anthropic(): Promise<string> {
  const client: Guarded<Anthropic> = guardAnthropic(new Anthropic());
  const own: Anthropic = client;
  const body = { model: 'claude-haiku-4-5', max_tokens: 99, messages };
  for await (const event of await client.messages.create({ ...body, stream: true, usageMetadata })) event.type.trim();
  (await client.beta.messages.create({ ...body, usageMetadata })).content.length.toFixed();
  // @ts-expect-error a misspelt field of the provider is still an error
  await client.messages.create({ model: 'm', max_token: 1, messages });
  return (await client.messages.create({ ...body, usageMetadata })).id + typeof own;
}

export async function google(): Promise<string | undefined> {
  const client: GoogleGenAI & Guarded<GoogleGenAI> = guardGoogle(new GoogleGenAI({}));
  const ask = { model: 'gemini-2.5-flash', contents: 'Why?' };
  for await (const chunk of await client.models.generateContentStream({ ...ask, usageMetadata })) chunk.text?.trim();
  await client.chats.create({ model: ask.model, usageMetadata }).sendMessage({ message: 'Why?', usageMetadata });
  return (await client.models.generateContent({ ...ask, usageMetadata })).text;
}

export async function others(): Promise<unknown> {
  const perplexity = guardPerplexity(new Perplexity());
  const found = await perplexity.search.create({ query: 'budgets', usageMetadata });
  const answer = await perplexity.chat.completions.create({ model: 'sonar', messages, usageMetadata });
  const ollama = guardOllama(new Ollama());
  for await (const part of await ollama.chat({ model: 'm', messages, stream: true, usageMetadata }))
    part.done.valueOf();
  const client: FalClient = guardFal(createFalClient());
  const { data } = await guardFal(fal).subscribe('fal-ai/flux/dev', { input: { prompt: 'a' }, usageMetadata });
  return [found.results[0]?.url.trim(), answer.id.trim(), client, data.images.length.toFixed()];
}

export async function openai(file: File): Promise<void> {
  const client = guardOpenAI(new OpenAI());
  (await client.images.generate({ model: 'm', prompt: 'x', usageMetadata })).data?.length.toFixed();
  (await client.images.edit({ image: file, prompt: 'x', usageMetadata })).data?.length.toFixed();
  (await client.audio.transcriptions.create({ model: 'm', file, usageMetadata })).text.trim();
  (await client.responses.create({ model: 'm', input: 'x', usageMetadata })).output_text.trim();
  const azure: AzureOpenAI = guardAzure(new AzureOpenAI());
  azure.deploymentName?.trim();
}

export async function layers(): Promise<unknown> {
  const handler = new ReveniumCallbackHandler({ organizationName: 'Northwind', subscriber: { id: 'u-88' } });
  const chat = new ChatOpenAI({ model: 'gpt-4o-mini', callbacks: [handler] });
  const text = (await chat.invoke('Why?', { callbacks: [handler] })).text.trim();
  const { OpenAIEmbeddings } = await import('@langchain/openai');
  const embeddings: InstanceType<typeof OpenAIEmbeddings> = guardEmbeddings(new OpenAIEmbeddings());
  const provider = createOpenAI();
  const model = wrapLanguageModel({ model: provider('gpt-4o-mini'), middleware: fusewireMiddleware() });
  const embedder = wrapEmbeddingModel({
    model: provider.embeddingModel('text-embedding-3-small'),
    middleware: fusewireEmbeddingMiddleware({ usageMetadata }),
  });
  const painter = wrapImageModel({
    model: provider.imageModel('gpt-image-1'),
    middleware: fusewireImageMiddleware({ instance: createFusewire() }),
  });
  const speaker = guardSpeechModel(provider.speech('tts-1'));
  const writer = guardTranscriptionModel(provider.transcription('whisper-1'));
  return [text, embeddings, model.modelId, embedder.modelId, painter.modelId, speaker.modelId, writer.modelId];
}
