/** From what was learnt of an attempt to its usage event (contract 5.3). Pure, but for the token estimate it is given. */
import { redact } from '../capture/redact.js';
import { LOCAL_FIELDS } from '../metadata/fields.js';
import type { UsageReading } from '../providers/adapter.js';
import type { MediaFields, UsageEvent, UsageState } from '../wire/usage-event.js';
import {
  type AttemptEnd,
  type AttemptFacts,
  type AttemptFailure,
  type AttemptSink,
  stopReasonOf,
  transactionIdOf,
} from './attempt.js';
import { fitEvent } from './fit-event.js';
import { isMedia, mediaCounts } from './media-counts.js';

const ERROR_REASON_MAX = 500;
/** For notes, which are written before every request: counting four characters a token costs nothing. */
const CHARACTERS_PER_TOKEN = 4;

/** Token counts, and for media what was made or heard. */
export interface Counts {
  readonly state: UsageState;
  readonly input: number;
  readonly output: number;
  readonly total: number;
  readonly media?: MediaFields | undefined;
}

/** Builds the one event of an attempt. */
export function buildUsageEvent(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  failure: AttemptFailure,
  estimator: Pick<AttemptSink, 'estimateTokens' | 'middlewareSource' | 'capture'>,
): UsageEvent {
  const { request } = facts;
  const counts = countsOf(facts, end, reading, failure, estimator);
  const transactionId = transactionIdOf(facts.attemptId, request, reading);
  const firstTokenMs = facts.firstTokenMs ?? facts.answeredMs ?? facts.durationMs;
  // What every event has comes first, and what may be absent is put in where it is there: an object that is made with
  // absent fields and cleaned by `delete` becomes a hash table, which took 7 µs to build and longer to serialise.
  const event: UsageEvent = {
    transactionId,
    model: reading.model ?? request.model ?? 'unknown',
    provider: reading.provider ?? request.provider,
    modelSource: reading.modelSource ?? request.modelSource,
    costType: 'AI',
    operationType: reading.operationType ?? request.operationType,
    stopReason: stopReasonOf(end, reading.stopReason),
    isStreamed: request.streaming,
    inputTokenCount: counts.input,
    outputTokenCount: counts.output,
    totalTokenCount: counts.total,
    requestTime: new Date(facts.requestedAtMs).toISOString(),
    completionStartTime: new Date(facts.requestedAtMs + firstTokenMs).toISOString(),
    responseTime: new Date(facts.requestedAtMs + facts.durationMs).toISOString(),
    requestDuration: Math.round(facts.durationMs),
    middlewareSource: estimator.middlewareSource,
    attributes: attributesOf(facts, end, reading, counts.state, transactionId),
  };
  // A subtype of what it was taken for says nothing of what it turned out to be.
  const isCorrected = reading.operationType !== undefined && reading.operationType !== request.operationType;
  const subtype = reading.operationSubtype ?? (isCorrected ? undefined : request.operationSubtype);
  put(event, 'operationSubtype', subtype);
  put(event, 'reasoningTokenCount', reading.reasoningTokens);
  put(event, 'cacheCreationTokenCount', reading.cacheWriteTokens);
  put(event, 'cacheCreation5mTokenCount', reading.cacheWrite5mTokens);
  put(event, 'cacheCreation1hTokenCount', reading.cacheWrite1hTokens);
  put(event, 'cacheReadTokenCount', reading.cacheReadTokens);
  put(event, 'timeToFirstToken', facts.firstTokenMs === undefined ? undefined : Math.round(facts.firstTokenMs));
  put(event, 'systemFingerprint', reading.systemFingerprint);
  put(event, 'temperature', request.temperature);
  put(event, 'actualServiceTier', reading.serviceTier);
  put(event, 'requestedServiceTier', request.requestedServiceTier);
  put(event, 'pricingTier', request.pricingTier);
  put(event, 'hasVisionContent', request.hasVisionContent);
  put(event, 'totalCost', reading.totalCostUsd);
  put(event, 'speed', reading.speed);
  put(event, 'errorReason', cleanReason(reading.errorReason ?? failure.reason));
  put(event, 'errorCode', failure.status);
  put(event, 'holdId', facts.holdId);
  // Sound among the tokens of a chat has prices of its own.
  putMissing(event, counts.media ?? reading.media);
  if (end !== 'recovered') putMissing(event, estimator.capture?.(request, reading, facts.metadata));
  putMissing(event, facts.metadata.fields, LOCAL_FIELDS);
  return fitEvent(event, facts.attemptId);
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
  if (isMedia(reading.operationType ?? facts.request.operationType)) return mediaCounts(facts, end, reading, failure);
  if (reading.isPartial === true) return atLeast(facts, reading, estimator);
  if (totalTokens !== undefined || (inputTokens !== undefined && outputTokens !== undefined)) {
    const input = inputTokens ?? Math.max(0, (totalTokens ?? 0) - (outputTokens ?? 0));
    const output = outputTokens ?? Math.max(0, (totalTokens ?? 0) - input);
    return { state: 'reported', input, output, total: totalTokens ?? input + output };
  }
  if (inputTokens !== undefined || outputTokens !== undefined) return oneSided(facts, reading, estimator);
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
  // An answer came and nobody knows what is in it: its output is not nothing.
  const state = reading.isUnknownShape === true && output === 0 ? 'unknown' : 'estimated';
  return { state, input, output, total: input + output };
}

/** Counts that the provider gave before its last word: what came since is estimated from the text. */
function atLeast(
  facts: AttemptFacts,
  reading: UsageReading,
  estimator: { estimateTokens(text: string): number },
): Counts {
  const { inputTokens, outputTokens = 0, outputText, totalTokens } = reading;
  const input = inputTokens ?? estimator.estimateTokens(facts.request.promptText());
  const output = Math.max(outputTokens, outputText === '' ? 0 : estimator.estimateTokens(outputText));
  const total = totalTokens === undefined ? input + output : totalTokens + output - outputTokens;
  return { state: 'estimated', input, output, total };
}

/** One count came, the other did not: it is estimated, unless there is nothing that it could count (an embedding's output). */
function oneSided(
  facts: AttemptFacts,
  reading: UsageReading,
  estimator: { estimateTokens(text: string): number },
): Counts {
  const isWithoutOutput = reading.outputTokens === undefined && reading.outputText === '';
  const input = reading.inputTokens ?? estimator.estimateTokens(facts.request.promptText());
  const output = reading.outputTokens ?? (isWithoutOutput ? 0 : estimator.estimateTokens(reading.outputText));
  return { state: isWithoutOutput ? 'reported' : 'estimated', input, output, total: input + output };
}

function attributesOf(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  usageState: UsageState,
  transactionId: string,
): Fields {
  const { request } = facts;
  const attributes: Fields = { usageState, endpoint: request.endpoint, end };
  const isOtherModel = request.model !== undefined && request.model !== (reading.model ?? request.model);
  if (facts.attemptId !== transactionId) attributes['attemptId'] = facts.attemptId;
  if (isOtherModel) attributes['requestedModel'] = request.model;
  if (reading.responseId !== transactionId) put(attributes, 'providerResponseId', reading.responseId);
  if (!request.known) attributes['unknownEndpoint'] = true;
  put(attributes, 'host', request.assumedHost);
  if (facts.bypassed) attributes['bypass'] = true;
  if (end === 'recovered') attributes['recovered'] = true;
  if (facts.adjustment !== undefined) {
    put(attributes, 'outputLimitedTo', facts.adjustment.maxTokens);
    put(attributes, 'downgradedFrom', facts.adjustment.downgradedFrom);
    put(attributes, 'throttledMs', facts.adjustment.waitedMs);
  }
  put(attributes, 'workflowId', facts.metadata.fields.workflowId);
  // What an answer shows of its counting beats what is known of its sender.
  putMissing(attributes, reading.attributes);
  const convention = request.tokenConvention;
  if (convention !== undefined) {
    const { cacheRead, reasoning } = convention;
    putMissing(attributes, { cacheInside: cacheRead === 'inside', reasoningInside: reasoning === 'inside' });
  }
  putMissing(attributes, request.attributes);
  putMissing(attributes, facts.metadata.fields.attributes, OWN_ATTRIBUTES);
  return attributes;
}

/** Attributes that only we set: a caller's of the same name would be read as ours. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['usageState', 'endpoint', 'end', 'attemptId', 'requestedModel', 'providerResponseId', 'unknownEndpoint'],
  ...['host', 'bypass', 'recovered', 'cacheInside', 'reasoningInside', 'inputImageTokens'],
  ...['outputLimitedTo', 'downgradedFrom', 'throttledMs'],
]);

/** A provider's error may repeat the key that it refused. */
function cleanReason(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : redact(reason.slice(0, 2 * ERROR_REASON_MAX)).slice(0, ERROR_REASON_MAX);
}

type Fields = Record<string, unknown>;

/** A field that is not known is not on the wire. */
function put(fields: object, name: string, value: unknown): void {
  if (value !== undefined) (fields as Fields)[name] = value;
}

/** Adds what `given` has and `fields` has not: what was measured beats what was given. */
function putMissing(fields: object, given: object | undefined, except?: ReadonlySet<string>): void {
  for (const name in given) {
    if (!Object.hasOwn(fields, name) && !except?.has(name)) put(fields, name, (given as Fields)[name]);
  }
}
