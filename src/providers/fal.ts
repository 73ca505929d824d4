/**
 * fal.ai (contract 6.2, 6.5): images, video, sound and language models by endpoint id. There is no catalogue of prices
 * for it: what fal bills by (`x-fal-billable-units`) travels with the event, and a price is known where one is declared.
 */
import { falBound } from '../bound/fal-bound.js';
import { isRecord } from '../wire/is-record.js';
import type { OperationType, ProviderAdapter, ProviderRequest, RequestReading } from './adapter.js';
import { falMediaOf, falPrompts, falPromptText } from './fal-input.js';
import { guessFalOperation, hasSourceImage } from './fal-media.js';
import { FalReader } from './fal-reader.js';
import { falSubtypeOf } from './fal-subtype.js';
import { type FalTarget, readFalUrl } from './fal-url.js';

/** A reading with what only fal's own reader and instrument need. */
export interface FalRequestReading extends RequestReading {
  /** The input, as sent. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The request is put into the queue: its answer names it, and its result is read by another request. */
  readonly submits: boolean;
  /** The queued request whose result is asked for, or that is to be cancelled. */
  readonly queuedId?: string;
  readonly cancels: boolean;
  /** The result goes to a webhook: nobody need read it here. */
  readonly webhook: boolean;
}

/** The adapter. Whatever is run, streamed or submitted is a call; status, storage and tokens are free. */
export const falAdapter: ProviderAdapter = {
  name: 'fal',
  // Its language endpoints speak of usage as OpenRouter does.
  tokenConvention: { cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'inside' },
  readRequest: readFalRequest,
  createUsageReader: (request) => new FalReader(request),
};

const ENDPOINTS: Readonly<Record<FalTarget['kind'], string>> = {
  call: 'run',
  submit: 'queue.submit',
  result: 'queue.result',
  status: 'queue.status',
  cancel: 'queue.cancel',
  free: 'platform',
  unknown: 'unknown',
};

/** Reads a request, or `undefined` where it does not go to fal. Never throws. */
export function readFalRequest(request: ProviderRequest): FalRequestReading | undefined {
  const target = readFalUrl(request.method, request.url);
  if (target === undefined) return undefined;
  // A GET carries its input in the query.
  const input = isRecord(request.body) ? request.body : {};
  const isCall = target.kind === 'call' || target.kind === 'submit';
  const operation = isCall || target.kind === 'result' ? guessFalOperation(target.endpointId) : 'OTHER';
  const subtype = operation === 'OTHER' ? undefined : falSubtypeOf(operation, target.endpointId, input);
  const media = isCall && operation !== 'OTHER' ? falMediaOf(operation, subtype, input) : undefined;
  const temperature = input['temperature'];
  return {
    endpoint: target.streams ? 'stream' : ENDPOINTS[target.kind],
    known: target.kind !== 'unknown',
    provider: 'fal_ai',
    modelSource: 'FAL_AI',
    operationType: operation satisfies OperationType,
    ...(subtype === undefined ? {} : { operationSubtype: subtype }),
    ...(target.endpointId === '' ? {} : { model: target.endpointId }),
    streaming: target.streams || (isCall && input['stream'] === true),
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => falPromptText(input),
    prompts: () => falPrompts(input),
    ...(isCall ? { bound: (assumed: number) => falBound(operation, media, input, assumed) } : {}),
    // Told by the answer: only ids that are fal's own are unique.
    idsAreUnique: false,
    kind: kindOf(target.kind),
    ...(media === undefined ? {} : { media }),
    ...(operation === 'CHAT' && hasSourceImage(input) ? { hasVisionContent: true } : {}),
    ...attributesOf(operation, input),
    input,
    submits: target.kind === 'submit',
    ...(target.requestId === undefined ? {} : { queuedId: target.requestId }),
    cancels: target.kind === 'cancel',
    webhook: target.webhook,
  };
}

function kindOf(kind: FalTarget['kind']): RequestReading['kind'] {
  if (kind === 'call' || kind === 'submit' || kind === 'unknown') return 'call';
  return kind === 'result' ? 'poll' : 'free';
}

/** Language endpoints run a model that the input names. */
function attributesOf(operation: OperationType, input: Readonly<Record<string, unknown>>) {
  const model = input['model'];
  return operation === 'CHAT' && typeof model === 'string' ? { attributes: { languageModel: model } } : {};
}
