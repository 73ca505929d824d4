// Compiled by `npm run types`, never run: the middleware fits where each major of the AI SDK takes one, without a cast,
// and what comes out is the SDK's own type.

import { createOpenAI as createOpenAI6, openai as openai6 } from '@ai-sdk/openai';
import * as ai6 from 'ai';
import * as ai5 from 'ai5';
import { createOpenAI as createOpenAI5, openai as openai5 } from 'ai5-openai';
import * as ai7 from 'ai7';
import { createOpenAI as createOpenAI7, openai as openai7 } from 'ai7-openai';
import {
  fusewireEmbeddingMiddleware,
  fusewireImageMiddleware,
  fusewireMiddleware,
  guardEmbeddingModel,
  guardImageModel,
  guardRerankingModel,
  guardSpeechModel,
  guardTranscriptionModel,
} from '../../src/ai-sdk.js';
import { guardFetch } from '../../src/index.js';

/** A guarded fetch is a fetch to every provider. */
export const guarded = [createOpenAI5, createOpenAI6, createOpenAI7].map((create) => create({ fetch: guardFetch() }));

const prompt = 'Hi';
const value = 'x';
const providerOptions = { fusewire: { agent: 'triage', subscriber: { id: 'u-88' } } };

export async function major5(): Promise<void> {
  const { wrapLanguageModel, generateText, embed, embedMany, wrapProvider } = ai5;
  const middleware = fusewireMiddleware({ usageMetadata: { agent: 'a' } });
  const model = wrapLanguageModel({ model: openai5('gpt-4o-mini'), middleware });
  (await generateText({ model, prompt, providerOptions })).text.slice(0);
  wrapLanguageModel({ model: openai5('m'), middleware: [middleware, ai5.simulateStreamingMiddleware()] });
  wrapProvider({ provider: openai5, languageModelMiddleware: middleware }).languageModel('m');
  const embedder = guardEmbeddingModel(openai5.textEmbeddingModel('text-embedding-3-small'));
  (await embed({ model: embedder, value })).embedding.length.toFixed();
  (await embedMany({ model: embedder, values: [value] })).embeddings.length.toFixed();
  await ai5.experimental_generateImage({ model: guardImageModel(openai5.image('dall-e-3')), prompt });
  await ai5.experimental_generateSpeech({ model: guardSpeechModel(openai5.speech('tts-1')), text: value });
  const transcription = guardTranscriptionModel(openai5.transcription('whisper-1'));
  (await ai5.experimental_transcribe({ model: transcription, audio: new Uint8Array() })).text.slice(0);
}

export async function major6(): Promise<void> {
  const { wrapLanguageModel, generateText, embed, wrapEmbeddingModel, wrapImageModel, wrapProvider } = ai6;
  const middleware = fusewireMiddleware();
  const model = wrapLanguageModel({ model: openai6('gpt-4o-mini'), middleware });
  (await generateText({ model, prompt, providerOptions })).text.slice(0);
  wrapLanguageModel({ model: openai6('m'), middleware: [middleware, ai6.simulateStreamingMiddleware()] });
  wrapProvider({
    provider: openai6,
    languageModelMiddleware: middleware,
    imageModelMiddleware: fusewireImageMiddleware(),
  }).languageModel('m');
  const embedder = openai6.embeddingModel('text-embedding-3-small');
  const wrapped = wrapEmbeddingModel({ model: embedder, middleware: fusewireEmbeddingMiddleware() });
  (await embed({ model: wrapped, value })).embedding.length.toFixed();
  (await embed({ model: guardEmbeddingModel(embedder), value })).embedding.length.toFixed();
  const image = wrapImageModel({ model: openai6.image('dall-e-3'), middleware: fusewireImageMiddleware() });
  (await ai6.generateImage({ model: image, prompt })).images.length.toFixed();
}

export async function major7(): Promise<void> {
  const { wrapLanguageModel, generateText, embed, wrapEmbeddingModel, wrapImageModel, wrapProvider } = ai7;
  const middleware = fusewireMiddleware();
  const model = wrapLanguageModel({ model: openai7('gpt-4o-mini'), middleware });
  (await generateText({ model, prompt, providerOptions })).text.slice(0);
  wrapLanguageModel({ model: openai6('an older model'), middleware: [middleware] });
  wrapProvider({
    provider: openai7,
    languageModelMiddleware: middleware,
    imageModelMiddleware: fusewireImageMiddleware(),
  }).languageModel('m');
  const embedder = openai7.embeddingModel('text-embedding-3-small');
  const wrapped = wrapEmbeddingModel({ model: embedder, middleware: fusewireEmbeddingMiddleware() });
  (await embed({ model: wrapped, value })).embedding.length.toFixed();
  (await embed({ model: guardEmbeddingModel(embedder), value })).embedding.length.toFixed();
  const image = wrapImageModel({ model: openai7.image('dall-e-3'), middleware: fusewireImageMiddleware() });
  (await ai7.generateImage({ model: image, prompt })).images.length.toFixed();
  await ai7.generateSpeech({ model: guardSpeechModel(openai7.speech('tts-1')), text: value });
}

declare const ranker: Parameters<typeof ai6.rerank>[0]['model'] & { provider: string; modelId: string };

export async function wrong(): Promise<void> {
  (await ai6.rerank({ model: guardRerankingModel(ranker), query: value, documents: [value] })).ranking.length.toFixed();
  // @ts-expect-error metadata is an object
  fusewireMiddleware({ usageMetadata: 'text' });
  // @ts-expect-error no option of this layer
  fusewireMiddleware({ retries: 3 });
  // @ts-expect-error no model
  guardEmbeddingModel('text-embedding-3-small');
  // @ts-expect-error a middleware for language models is none for embeddings
  ai6.wrapEmbeddingModel({ model: openai6.embeddingModel('m'), middleware: [3] });
}
