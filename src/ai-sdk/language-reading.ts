/** A language model's call: what is asked, before it is sent. Pure. */
import { layerBound } from '../bound/layer-bound.js';
import type { RequestReading } from '../providers/adapter.js';
import { listOf, textOf } from '../providers/values.js';
import { hasImages, promptsOf, promptTextOf } from './prompt.js';
import { readAiProvider } from './provider-names.js';
import { type AiModel, type Fields, fieldsOf, readSafely } from './structure.js';

/** What all readings of this layer have in common. */
export function readingOf(
  model: AiModel,
  rest: Omit<RequestReading, 'provider' | 'modelSource' | 'idsAreUnique' | 'known' | 'kind' | 'model'>,
): RequestReading {
  const named = readAiProvider(model);
  const sdkProvider = textOf(readSafely(() => model.provider, undefined));
  return {
    ...rest,
    known: true,
    kind: 'call',
    provider: named.provider,
    modelSource: named.modelSource,
    ...(named.model === undefined ? {} : { model: named.model }),
    idsAreUnique: named.idsAreUnique,
    ...(named.assumedHost === undefined ? {} : { assumedHost: named.assumedHost }),
    ...(named.declaresConvention ? { tokenConvention: named.convention } : {}),
    attributes: { ...rest.attributes, ...(sdkProvider === undefined ? {} : { sdkProvider }) },
  };
}

/** Reads the call options of a language model. Never throws. */
export function readLanguageCall(model: AiModel, params: Fields, streaming: boolean): RequestReading {
  const temperature = readSafely(() => params['temperature'], undefined);
  const tier = readSafely(
    () => textOf(fieldsOf(fieldsOf(params['providerOptions'])['openai'])['serviceTier']),
    undefined,
  );
  const usesTools = readSafely(() => listOf(params['tools']).length > 0, false);
  const prompt = readSafely(() => params['prompt'], undefined);
  return readingOf(model, {
    endpoint: streaming ? 'ai-sdk.stream' : 'ai-sdk.generate',
    operationType: 'CHAT',
    ...(usesTools ? { operationSubtype: 'function_call' } : {}),
    streaming,
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(tier === undefined ? {} : { requestedServiceTier: tier }),
    ...(hasImages(prompt) ? { hasVisionContent: true } : {}),
    promptText: () => promptTextOf(params),
    prompts: () => promptsOf(params),
    bound: (assumed) => {
      const { prompt: messages, tools, responseFormat, maxOutputTokens } = params;
      const hasHostedTools = listOf(tools).some((tool) => (fieldsOf(tool)['type'] ?? 'function') !== 'function');
      const read = { messages, tools, responseFormat, providerOptions: params['providerOptions'] };
      return layerBound(readAiProvider(model), { read, limits: [maxOutputTokens], hasHostedTools }, assumed);
    },
  });
}
