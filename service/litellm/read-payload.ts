/** From what LiteLLM's logger says of a call (`StandardLoggingPayload`) to the usage event of that call. Pure. */
import { createHash } from 'node:crypto';
import {
  COST_MAX_USD,
  COUNT_MAX,
  capturePrompts,
  chatStopReason,
  type OperationType,
  positiveAmount,
  readLitellmUsage,
} from 'fusewire/internal';
import { errorOf, isOwnRefusal } from './failure.js';
import { mediaOf } from './payload-media.js';
import { payloadMetadata } from './payload-metadata.js';
import { upstreamOf } from './upstream.js';
import { countOf, type Fields, fieldsOf, storable, textOf, timeOf } from './values.js';

/** What a payload came to. */
export type PayloadReading =
  /** `type` names the kind of event, as in a batch; `identity` tells this call from another one under the same id. */
  | { readonly kind: 'event'; readonly type: string; readonly event: Fields; readonly identity: string }
  /** The call was refused by this service and never sent: it is no usage (I1). */
  | { readonly kind: 'refused' }
  | { readonly kind: 'unreadable'; readonly problem: string };

const OPERATIONS: readonly (readonly [RegExp, OperationType])[] = [
  [/embedding/, 'EMBED'],
  [/image/, 'IMAGE'],
  [/transcription|speech|audio/, 'AUDIO'],
  [/video/, 'VIDEO'],
  [/rerank/, 'RERANK'],
  [/moderation/, 'MODERATION'],
  [/guardrail/, 'GUARDRAIL'],
  [/search/, 'SEARCH'],
  [/mcp_tool/, 'TOOL_CALL'],
];

/** Captured prompts are as long as the SDK's own, by default (contract 5.12). */
const PROMPT_MAX = 50_000;
const MODEL_MAX = 256;

/** Reads one payload; the same payload gives the same event, however often it comes. Never throws. */
export function readPayload(given: unknown): PayloadReading {
  try {
    return readFields(given);
  } catch (error) {
    // Nested deeper than a stack is: it fails alone, and not with all that came beside it.
    return { kind: 'unreadable', problem: `it cannot be read: ${String(error).slice(0, 200)}` };
  }
}

function readFields(given: unknown): PayloadReading {
  const payload = fieldsOf(given);
  const model = textOf(payload['model'], MODEL_MAX) ?? textOf(payload['model_group'], MODEL_MAX);
  const requestTime = timeOf(payload['startTime']);
  const callId = textOf(payload['litellm_call_id'], 255);
  const id = callId ?? textOf(payload['id'], 255);
  if (id === undefined || model === undefined || requestTime === undefined) {
    return { kind: 'unreadable', problem: 'id, model and startTime say which call it is; one of them is missing' };
  }
  if (isOwnRefusal(payload)) return { kind: 'refused' };
  const metadata = metadataOf(payload);
  const transactionId = callId ?? metadata.transactionId ?? id;
  const identity = identityOf(payload);
  const failed = payload['status'] === 'failure';
  const upstream = upstreamOf(model, textOf(payload['custom_llm_provider'], 64));
  const callType = textOf(payload['call_type'], 64) ?? 'completion';
  const operationType = OPERATIONS.find(([pattern]) => pattern.test(callType))?.[1] ?? 'CHAT';
  const usage = readUsage(payload, upstream);
  const media = mediaOf(operationType, callType, payload);
  const error = failed ? errorOf(payload) : undefined;
  const event = {
    // What a caller says of himself, measured facts beat; of costs he says nothing.
    ...metadata.fields,
    ...(metadata.capturePrompts ? promptsOf(payload) : {}),
    transactionId: failed ? `${transactionId}:err:${identity}` : transactionId,
    model: upstream.model,
    provider: upstream.provider,
    modelSource: upstream.modelSource,
    costType: 'AI',
    operationType,
    ...(metadata.operationSubtype === undefined ? {} : { operationSubtype: metadata.operationSubtype }),
    isStreamed: payload['stream'] === true,
    ...timesOf(payload, requestTime),
    ...media?.fields,
    ...usage.counts,
    ...costOf(payload),
    ...(error ?? { stopReason: stopReasonOf(payload) }),
    middlewareSource: operationType === 'GUARDRAIL' ? 'GUARDRAIL' : 'PROXY',
    attributes: {
      ...withoutOurs(fieldsOf(metadata.fields.attributes)),
      ...attributesOf(payload, callType, upstream.model),
      ...usage.attributes,
      // An HTTP error consumed nothing; of a connection that broke nobody knows (I5).
      usageState: media !== undefined || error?.['errorCode'] !== undefined ? 'reported' : usage.state,
    },
  };
  return { kind: 'event', type: media?.type ?? 'ai/completions', event: storable(event) as Fields, identity };
}

function metadataOf(payload: Fields) {
  const metadata = fieldsOf(payload['metadata']);
  return payloadMetadata({
    headers: metadata['requester_custom_headers'],
    key: metadata,
    explicit: [metadata['requester_metadata'], metadata['spend_logs_metadata']],
    endUser: payload['end_user'],
  });
}

/** Eight hex digits of what makes one try of a call another than the next one under the same id. */
function identityOf(payload: Fields): string {
  const names = ['id', 'startTime', 'endTime', 'model', 'model_id', 'api_base', 'status', 'error_str'];
  const parts = names.map((name) => {
    const value = payload[name] ?? null;
    // Whatever else stands there tells no two tries apart.
    return JSON.stringify(typeof value === 'object' ? null : value);
  });
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}

/** What the ledger goes by when it prices an event is not for whoever asks through a proxy to say. */
const OURS = ['requestedModel', 'usageState', 'cacheInside', 'reasoningInside', 'inputImageTokens', 'gateway'];

function withoutOurs(attributes: Fields): Fields {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !OURS.includes(name)));
}

interface Usage {
  readonly counts: Fields;
  readonly attributes: Fields;
  readonly state: 'reported' | 'unknown';
}

/** The provider's usage object where it is there; LiteLLM's own three counts are 0 where nobody told them. */
function readUsage(payload: Fields, upstream: { readonly modelSource: string; readonly model: string }): Usage {
  const hidden = fieldsOf(payload['hidden_params']);
  const raw = fieldsOf(payload['metadata'])['usage_object'] ?? hidden['usage_object'] ?? ownUsage(payload);
  const usage = readLitellmUsage(raw, upstream);
  if (usage === undefined) return { counts: {}, attributes: {}, state: 'unknown' };
  const counts: readonly (readonly [string, number | undefined])[] = [
    ['inputTokenCount', usage.inputTokens],
    ['outputTokenCount', usage.outputTokens],
    ['totalTokenCount', usage.totalTokens],
    ['reasoningTokenCount', usage.reasoningTokens],
    ['cacheReadTokenCount', usage.cacheReadTokens],
    ['cacheCreationTokenCount', usage.cacheWriteTokens],
    ['cacheCreation5mTokenCount', usage.cacheWrite5mTokens],
    ['cacheCreation1hTokenCount', usage.cacheWrite1hTokens],
  ];
  return {
    counts: Object.fromEntries(counts.filter(([, count]) => count !== undefined && count <= COUNT_MAX)),
    attributes: { cacheInside: usage.cacheInside, reasoningInside: true },
    // A count that no call can have says that none of them can be believed.
    state: counts.some(([, count]) => count !== undefined && count > COUNT_MAX) ? 'unknown' : 'reported',
  };
}

function ownUsage(payload: Fields): Fields | undefined {
  const { prompt_tokens, completion_tokens, total_tokens } = payload;
  const isSaid = [prompt_tokens, completion_tokens, total_tokens].some((count) => (countOf(count) ?? 0) > 0);
  return isSaid ? { prompt_tokens, completion_tokens, total_tokens } : undefined;
}

/** LiteLLM's own price, where it has one. An answer out of its cache cost nothing; any other 0 means no price (I5). */
function costOf(payload: Fields): Fields {
  if (payload['cache_hit'] === true) return { totalCost: 0 };
  const totalCost = positiveAmount(payload['response_cost']);
  // One that no call can have is none: the prices of the service hold, and the event is not lost.
  return totalCost === undefined || totalCost > COST_MAX_USD ? {} : { totalCost };
}

function timesOf(payload: Fields, requestMs: number): Fields {
  const responseMs = Math.max(requestMs, timeOf(payload['endTime']) ?? requestMs);
  const startMs = timeOf(payload['completionStartTime']);
  const firstMs = startMs === undefined ? responseMs : Math.min(responseMs, Math.max(requestMs, startMs));
  return {
    requestTime: new Date(requestMs).toISOString(),
    completionStartTime: new Date(firstMs).toISOString(),
    responseTime: new Date(responseMs).toISOString(),
    requestDuration: responseMs - requestMs,
    ...(payload['stream'] === true && startMs !== undefined ? { timeToFirstToken: firstMs - requestMs } : {}),
  };
}

function stopReasonOf(payload: Fields): string {
  const response = fieldsOf(payload['response']);
  const { choices } = response;
  const choice = fieldsOf(Array.isArray(choices) ? choices[0] : undefined);
  const reason = textOf(choice['finish_reason']) ?? textOf(response['stop_reason']);
  return reason === undefined ? 'END' : chatStopReason(reason);
}

function attributesOf(payload: Fields, callType: string, model: string): Fields {
  const group = textOf(payload['model_group'], MODEL_MAX);
  const given: readonly (readonly [string, unknown])[] = [
    ['litellmCallId', textOf(payload['litellm_call_id'], 255)],
    ['litellmTraceId', textOf(payload['trace_id'], 255)],
    ['litellmModelId', textOf(payload['model_id'], 255)],
    ['providerResponseId', textOf(payload['id'], 255)?.replace(/_cache_hit[\d.]*$/, '')],
    ['requestedModel', group === model ? undefined : group],
    ['cacheHit', payload['cache_hit'] === true ? true : undefined],
  ];
  const known = given.filter(([, value]) => value !== undefined);
  return { gateway: 'litellm', endpoint: callType, ...Object.fromEntries(known) };
}

/** Asked for by the header `x-revenium-capture-prompts`; redacted before it is cut, as the SDK does. */
function promptsOf(payload: Fields): Fields {
  const { messages, response } = payload;
  const list: readonly unknown[] = Array.isArray(messages) ? messages : messages == null ? [] : [messages];
  const isSystem = (one: unknown) => /^(system|developer)$/.test(textOf(fieldsOf(one)['role']) ?? '');
  const systemPrompt = list
    .filter(isSystem)
    .flatMap((one) => textsOf(fieldsOf(one)['content']))
    .join('\n');
  const inputMessages = list.filter((one) => !isSystem(one));
  const { choices } = fieldsOf(response);
  const first = fieldsOf(fieldsOf(Array.isArray(choices) ? choices[0] : undefined)['message']);
  const outputText = typeof response === 'string' ? response : textsOf(first['content']).join('\n');
  const request = { prompts: () => ({ systemPrompt, inputMessages }) };
  const settings = { enabled: false, sizeMax: PROMPT_MAX };
  return { ...capturePrompts(request as never, { outputText } as never, true, settings) };
}

/** A message's content: a text, or parts of which some have one. */
function textsOf(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.map((part) => fieldsOf(part)['text']).filter((text) => typeof text === 'string');
}
