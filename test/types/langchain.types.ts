// Compiled by `npm run types`, never run: the handler fits wherever LangChain takes callbacks, without a cast, and the
// package's own declarations know nothing of LangChain's.
import type { Callbacks } from '@langchain/core/callbacks/manager';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama';
import { ChatOpenAI } from '@langchain/openai';
import {
  createLangChainHandler,
  guardEmbeddings,
  isInitialized,
  ReveniumCallbackHandler,
  type ReveniumConfig,
  type SubscriberConfig,
  stopAtRefusal,
} from '../../src/langchain.js';

export async function langchain(): Promise<void> {
  const subscriber: SubscriberConfig = { id: 'u-88', email: 'rita@example.org', credential: { name: 'n', value: 'v' } };
  const config: ReveniumConfig = {
    apiKey: 'hak_x',
    environment: 'production',
    organizationName: 'Northwind',
    subscriber,
  };
  const handler = new ReveniumCallbackHandler({ ...config, traceId: 'conv-71', agent: 'triage' });
  const callbacks: Callbacks = [handler, createLangChainHandler()];
  const model = new ChatOpenAI({ model: 'm', callbacks: [handler] });
  await model.invoke('hi', { callbacks: [handler] });
  const chain = ChatPromptTemplate.fromTemplate('{x}').pipe(new ChatOllama({ model: 'm', callbacks }));
  await chain.invoke({ x: 'hi' }, { callbacks, metadata: { usageMetadata: { taskType: 'classify' } } });
  await chain.withConfig({ callbacks: [handler] }).batch([{ x: 'hi' }]);
  for await (const chunk of await model.stream('hi', { callbacks: [handler] })) chunk.text.slice(0);
  await model.withRetry({ onFailedAttempt: stopAtRefusal }).invoke('hi');
  const embeddings: OllamaEmbeddings = guardEmbeddings(new OllamaEmbeddings({ model: 'm' }), { agent: 'indexer' });
  (await embeddings.embedQuery('hi')).length.toFixed();
  const isReady: boolean = (await handler.ready()) && (await handler.flush()) && isInitialized();
  if (isReady) await handler.close();
  // @ts-expect-error a subscriber is an object
  createLangChainHandler({ subscriber: 'u-88' });
  // @ts-expect-error no such field
  createLangChainHandler({ api_key: 'hak_x' });
}
