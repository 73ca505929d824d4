/** What LangChain says of a model's run before it begins, as a reading. Pure. */
import { type LayerAsk, layerBound } from '../bound/layer-bound.js';
import type { RequestReading } from '../providers/adapter.js';
import { azureModel } from '../providers/azure-model.js';
import { listOf, textOf } from '../providers/values.js';
import { capturedPrompts, hasImages, promptText } from './prompt.js';
import { providerOf } from './provider-of.js';
import { type Fields, fieldsOf, firstText } from './structure.js';

/** The arguments of `handleLLMStart` and `handleChatModelStart` that describe the run. */
export interface ModelStart {
  readonly kind: 'chat' | 'completion';
  /** The model, serialised. */
  readonly serialized: unknown;
  /** Messages of a chat model, or texts. */
  readonly prompt: readonly unknown[];
  readonly runId: string;
  readonly extraParams: unknown;
  readonly metadata: unknown;
}

const MODEL_NAMES = ['model', 'model_name', 'modelName', 'modelId', 'model_id'] as const;
/** LangChain's own endpoints would say nothing: these name the layer in logs and attributes. */
const ENDPOINTS = { chat: 'langchain.chat_model', completion: 'langchain.llm' } as const;

/** Reads the start of a run. `isStreaming` is asked when the event is built: only tokens show that an answer streams. */
export function readModelStart(
  start: ModelStart,
  openAIBaseUrl: string | undefined,
  isStreaming: () => boolean,
): RequestReading {
  const serialized = fieldsOf(start.serialized);
  const metadata = fieldsOf(start.metadata);
  const params = fieldsOf(fieldsOf(start.extraParams)['invocation_params']);
  const asked = modelOf(serialized, metadata, params);
  const { provider, modelSource, idsAreUnique, assumedHost } = providerOf({
    serialized,
    metadata,
    model: asked,
    openAIBaseUrl,
  });
  const model = provider === 'Azure' ? azureModelOf(serialized, asked) : asked;
  const usesTools = listOf(params['tools']).length > 0 || listOf(params['functions']).length > 0;
  const temperature = params['temperature'] ?? metadata['ls_temperature'];
  const tier = textOf(params['service_tier']);
  return {
    endpoint: ENDPOINTS[start.kind],
    known: true,
    provider,
    modelSource,
    operationType: start.kind === 'completion' && provider === 'OLLAMA' ? 'GENERATE' : 'CHAT',
    ...(usesTools ? { operationSubtype: 'function_call' } : {}),
    ...(model === undefined ? {} : { model }),
    get streaming() {
      return isStreaming();
    },
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => promptText(start.prompt),
    idsAreUnique,
    kind: 'call',
    ...(assumedHost === undefined ? {} : { assumedHost }),
    ...(hasImages(start.prompt) ? { hasVisionContent: true } : {}),
    ...(tier === undefined ? {} : { requestedServiceTier: tier }),
    attributes: { langchainRunId: start.runId },
    prompts: () => capturedPrompts(start.prompt),
    bound: (assumed) => layerBound({ provider, model }, askOf(start, params), assumed),
  };
}

/** What the run asks of its model: messages as capture keeps them, without what LangChain keeps of them twice. */
function askOf(start: ModelStart, params: Fields): LayerAsk {
  const tools = [...listOf(params['tools']), ...listOf(params['functions'])];
  const limits = [
    'max_completion_tokens',
    'max_tokens',
    'maxTokens',
    'maxOutputTokens',
    'max_output_tokens',
    'num_predict',
  ];
  const { systemPrompt, inputMessages } = capturedPrompts(start.prompt);
  const hosted = tools.some((tool) => !/^(function|custom)$/.test(textOf(fieldsOf(tool)['type']) ?? 'function'));
  return {
    read: { systemPrompt, inputMessages, tools, format: params['response_format'] ?? params['format'] },
    limits: limits.map((name) => params[name]),
    answers: [params['n'], params['best_of']],
    prompts: start.kind === 'completion' ? start.prompt.length : 1,
    hasHostedTools: hosted,
  };
}

function modelOf(serialized: Fields, metadata: Fields, params: Fields): string | undefined {
  return (
    firstText(params, ...MODEL_NAMES) ??
    textOf(metadata['ls_model_name']) ??
    firstText(fieldsOf(serialized['kwargs']), ...MODEL_NAMES)
  );
}

/** The model of an Azure run stands in its deployment's name; `model` is LangChain's default there. */
function azureModelOf(serialized: Fields, asked: string | undefined): string | undefined {
  const kwargs = fieldsOf(serialized['kwargs']);
  const names = ['deployment_name', 'azure_open_ai_api_deployment_name', 'azureOpenAIApiDeploymentName'];
  const deployment = firstText(kwargs, ...names) ?? asked;
  return deployment === undefined ? undefined : azureModel(deployment);
}
