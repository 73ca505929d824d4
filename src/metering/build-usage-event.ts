/** From what was learnt of an attempt to its usage event (contract 5.3). Pure, but for the token estimate it is given. */
import type { UsageReading } from '../providers/adapter.js';
import type { UsageEvent, UsageState } from '../wire/usage-event.js';
import { type AttemptEnd, type AttemptFacts, type AttemptFailure, stopReasonOf, transactionIdOf } from './attempt.js';

const ERROR_REASON_MAX = 500;
/** For notes, which are written before every request: counting four characters a token costs nothing. */
const CHARACTERS_PER_TOKEN = 4;

interface Counts {
  readonly state: UsageState;
  readonly input: number;
  readonly output: number;
  readonly total: number;
}

/** Builds the one event of an attempt. */
export function buildUsageEvent(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  failure: AttemptFailure,
  estimator: { estimateTokens(text: string): number; readonly middlewareSource: string },
): UsageEvent {
  const { request, metadata } = facts;
  const counts = countsOf(facts, end, reading, failure, estimator);
  const transactionId = transactionIdOf(facts.attemptId, request, reading);
  const firstTokenMs = facts.firstTokenMs ?? facts.answeredMs ?? facts.durationMs;
  const errorReason = reading.errorReason ?? failure.reason;
  return dropUndefined({
    ...metadata.fields,
    transactionId,
    model: reading.model ?? request.model ?? 'unknown',
    provider: reading.provider ?? request.provider,
    modelSource: reading.modelSource ?? request.modelSource,
    costType: 'AI',
    operationType: request.operationType,
    operationSubtype: request.operationSubtype,
    stopReason: stopReasonOf(end, reading.stopReason),
    isStreamed: request.streaming,
    inputTokenCount: counts.input,
    outputTokenCount: counts.output,
    totalTokenCount: counts.total,
    reasoningTokenCount: reading.reasoningTokens,
    cacheCreationTokenCount: reading.cacheWriteTokens,
    cacheReadTokenCount: reading.cacheReadTokens,
    requestTime: new Date(facts.requestedAtMs).toISOString(),
    completionStartTime: new Date(facts.requestedAtMs + firstTokenMs).toISOString(),
    responseTime: new Date(facts.requestedAtMs + facts.durationMs).toISOString(),
    requestDuration: Math.round(facts.durationMs),
    timeToFirstToken: facts.firstTokenMs === undefined ? undefined : Math.round(facts.firstTokenMs),
    middlewareSource: estimator.middlewareSource,
    systemFingerprint: reading.systemFingerprint,
    temperature: request.temperature,
    actualServiceTier: reading.serviceTier,
    errorReason: errorReason?.slice(0, ERROR_REASON_MAX),
    errorCode: failure.status,
    attributes: attributesOf(facts, end, reading, counts.state, transactionId),
  });
}

/**
 * Token counts and how sure they are. What the provider reported counts. An error answer with no usage consumed
 * nothing. Everything else that was under way is estimated from the text, both ways (I5): it is never free.
 */
function countsOf(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  failure: AttemptFailure,
  estimator: { estimateTokens(text: string): number },
): Counts {
  const { inputTokens, outputTokens, totalTokens } = reading;
  if (inputTokens !== undefined || outputTokens !== undefined || totalTokens !== undefined) {
    const input = inputTokens ?? Math.max(0, (totalTokens ?? 0) - (outputTokens ?? 0));
    const output = outputTokens ?? Math.max(0, (totalTokens ?? 0) - input);
    return { state: 'reported', input, output, total: totalTokens ?? input + output };
  }
  if (end === 'recovered') {
    const input = Math.ceil(facts.request.promptText().length / CHARACTERS_PER_TOKEN);
    return { state: 'estimated', input, output: 0, total: input };
  }
  if (end === 'failed' && reading.outputText === '') {
    // Refused with an HTTP error: not billed. A connection that broke before an answer: nobody knows.
    return { state: failure.status === undefined ? 'unknown' : 'reported', input: 0, output: 0, total: 0 };
  }
  const input = estimator.estimateTokens(facts.request.promptText());
  const output = reading.outputText === '' ? 0 : estimator.estimateTokens(reading.outputText);
  return { state: 'estimated', input, output, total: input + output };
}

function attributesOf(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  usageState: UsageState,
  transactionId: string,
): Record<string, unknown> {
  const { request } = facts;
  const requestedModel = request.model !== undefined && request.model !== (reading.model ?? request.model);
  return dropUndefined({
    ...facts.metadata.fields.attributes,
    usageState,
    endpoint: request.endpoint,
    end,
    attemptId: facts.attemptId === transactionId ? undefined : facts.attemptId,
    requestedModel: requestedModel ? request.model : undefined,
    providerResponseId: reading.responseId === transactionId ? undefined : reading.responseId,
    unknownEndpoint: request.known ? undefined : true,
    host: request.assumedHost,
    bypass: facts.bypassed ? true : undefined,
    recovered: end === 'recovered' ? true : undefined,
    cacheInside: request.tokenConvention && request.tokenConvention.cacheRead === 'inside',
    reasoningInside: request.tokenConvention && request.tokenConvention.reasoning === 'inside',
  });
}

function dropUndefined<T extends object>(value: T): T {
  for (const name of Object.keys(value) as (keyof T)[]) {
    if (value[name] === undefined) delete value[name];
  }
  return value;
}
