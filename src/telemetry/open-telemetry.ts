/**
 * Spans and metrics of attempts by OpenTelemetry's conventions for generative AI, with the decision as attributes of our
 * own (`fusewire.…`). Nothing is recorded while the program has not set OpenTelemetry up.
 */
import type { Decision, RefuseDecision } from '../../enforcement/decision.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { Attempt, AttemptEnd, AttemptObserver, AttemptWatch } from '../metering/attempt.js';
import type { RequestReading } from '../providers/adapter.js';
import { VERSION } from '../version.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { genAiFinishReason, genAiOperation, genAiProvider } from './gen-ai-names.js';
import {
  type Attributes,
  CLIENT_SPAN,
  ERROR_STATUS,
  type Span,
  type TelemetryApi,
  type TelemetryFinder,
} from './telemetry-api.js';

const NAME = 'fusewire';
/** The boundaries that the conventions recommend. */
const DURATION_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = Array.from({ length: 14 }, (_, index) => 4 ** index);
/** An error's message in a span's status. */
const MESSAGE_MAX = 500;

/** Observes the attempts of one instance. No method throws (I2). */
export class OpenTelemetryObserver implements AttemptObserver {
  readonly #finder: TelemetryFinder;
  readonly #log: { debug(message: string, details?: object): void };
  /** Of the meter provider that they were made by: one that is set up later, or anew, needs its own. */
  #made: { readonly by: unknown; readonly instruments: Instruments } | undefined;

  constructor(finder: TelemetryFinder, log: { debug(message: string, details?: object): void }) {
    this.#finder = finder;
    this.#log = log;
  }

  refused(request: RequestReading, metadata: ResolvedMetadata, decision: RefuseDecision): void {
    this.#harmless(() => {
      const api = this.#finder.find();
      if (api === undefined) return;
      const span = startSpan(api, request, metadata, decision);
      span.setAttributes({ 'error.type': 'BudgetExceededError' });
      span.setStatus({ code: ERROR_STATUS, message: decision.message.slice(0, MESSAGE_MAX) });
      span.end();
      this.#of(api).refused.add(1, { ...identityOf(request), 'fusewire.decision.code': decision.code });
    });
  }

  began(attempt: Attempt, metadata: ResolvedMetadata, decision: Decision): AttemptWatch | undefined {
    return this.#harmless(() => {
      const api = this.#finder.find();
      if (api === undefined) return undefined;
      const { request } = attempt;
      const span = startSpan(api, request, metadata, decision);
      return {
        metered: (event, end) => void this.#harmless(() => this.#ended(api, span, request, event, end)),
        // The span inside tells of the same call; this one stays its parent in time, without counts of its own.
        withdrawn: () => void this.#harmless(() => span.end()),
      };
    });
  }

  #ended(api: TelemetryApi, span: Span, request: RequestReading, event: UsageEvent, end: AttemptEnd): void {
    const failed = end === 'failed' || end === 'timed-out';
    const error: Attributes = failed ? { 'error.type': errorType(event, end) } : {};
    span.setAttributes({ ...answerOf(event), ...error });
    if (failed) span.setStatus({ code: ERROR_STATUS, message: (event.errorReason ?? end).slice(0, MESSAGE_MAX) });
    span.end();
    const labels: Attributes = { ...identityOf(request), 'gen_ai.response.model': event.model };
    const { duration, tokens, firstToken } = this.#of(api);
    duration.record(event.requestDuration / 1000, { ...labels, ...error });
    if (event.timeToFirstToken !== undefined) firstToken.record(event.timeToFirstToken / 1000, labels);
    // Estimates are no usage: the conventions want what the provider said or nothing.
    if (event.attributes?.['usageState'] !== 'reported' || event.totalTokenCount === 0) return;
    tokens.record(inputTokens(event), { ...labels, 'gen_ai.token.type': 'input' });
    if (event.operationType !== 'EMBED') {
      tokens.record(event.outputTokenCount, { ...labels, 'gen_ai.token.type': 'output' });
    }
  }

  #of(api: TelemetryApi): Instruments {
    const by = api.metrics.getMeterProvider();
    const known = this.#made;
    if (known !== undefined && known.by === by) return known.instruments;
    const made = { by, instruments: createInstruments(api) };
    this.#made = made;
    return made.instruments;
  }

  #harmless<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      this.#log.debug('OpenTelemetry could not be told of a call', { error: String(error) });
      return undefined;
    }
  }
}

type Instruments = ReturnType<typeof createInstruments>;

function createInstruments(api: TelemetryApi) {
  const meter = api.metrics.getMeter(NAME, VERSION);
  return {
    duration: meter.createHistogram('gen_ai.client.operation.duration', {
      description: 'Duration of one request to a model.',
      unit: 's',
      advice: { explicitBucketBoundaries: DURATION_SECONDS },
    }),
    firstToken: meter.createHistogram('gen_ai.client.operation.time_to_first_chunk', {
      description: 'Time from the request to the first chunk of a streamed answer.',
      unit: 's',
      advice: { explicitBucketBoundaries: DURATION_SECONDS },
    }),
    tokens: meter.createHistogram('gen_ai.client.token.usage', {
      description: 'Input and output tokens, as the provider reported them.',
      unit: '{token}',
      advice: { explicitBucketBoundaries: TOKENS },
    }),
    refused: meter.createCounter('fusewire.calls.refused', {
      description: 'Calls that were refused before they were sent.',
      unit: '{call}',
    }),
  };
}

function startSpan(api: TelemetryApi, request: RequestReading, metadata: ResolvedMetadata, decision: Decision): Span {
  const identity = identityOf(request);
  const name = [identity['gen_ai.operation.name'], request.model].filter(Boolean).join(' ');
  const { agent, traceId, agenticJobId } = metadata.fields;
  const attributes: Attributes = { ...identity, ...decisionOf(decision), 'fusewire.endpoint': request.endpoint };
  if (request.temperature !== undefined) attributes['gen_ai.request.temperature'] = request.temperature;
  if (agent !== undefined) attributes['gen_ai.agent.name'] = agent;
  if (traceId !== undefined) attributes['fusewire.trace_id'] = traceId;
  if (agenticJobId !== undefined) attributes['fusewire.job_id'] = agenticJobId;
  return api.trace.getTracer(NAME, VERSION).startSpan(name, { kind: CLIENT_SPAN, attributes });
}

function identityOf(request: RequestReading): Attributes {
  const identity: Attributes = {
    'gen_ai.operation.name': genAiOperation(request),
    'gen_ai.provider.name': genAiProvider(request.provider, request.modelSource),
  };
  if (request.model !== undefined) identity['gen_ai.request.model'] = request.model;
  return identity;
}

function decisionOf(decision: Decision): Attributes {
  const attributes: Attributes = {
    'fusewire.decision.outcome': decision.outcome,
    'fusewire.decision.code': decision.code,
  };
  if (decision.outcome !== 'refuse' || decision.rule === null) return attributes;
  const { ruleId, ruleName, currentValue, threshold } = decision.rule;
  if (ruleId !== null) attributes['fusewire.rule.id'] = String(ruleId);
  if (ruleName !== null) attributes['fusewire.rule.name'] = ruleName;
  if (currentValue !== null) attributes['fusewire.rule.current_value'] = currentValue;
  if (threshold !== null) attributes['fusewire.rule.threshold'] = threshold;
  return attributes;
}

function answerOf(event: UsageEvent): Attributes {
  const responseId = event.attributes?.['providerResponseId'] ?? event.transactionId;
  const attributes: Attributes = {
    'gen_ai.response.model': event.model,
    'gen_ai.response.id': String(responseId),
    'gen_ai.response.finish_reasons': [genAiFinishReason(event.stopReason)],
    'fusewire.transaction_id': event.transactionId,
    'fusewire.usage.state': String(event.attributes?.['usageState']),
  };
  if (event.totalTokenCount > 0) {
    attributes['gen_ai.usage.input_tokens'] = inputTokens(event);
    attributes['gen_ai.usage.output_tokens'] = event.outputTokenCount;
  }
  if (event.cacheReadTokenCount !== undefined) {
    attributes['gen_ai.usage.cache_read.input_tokens'] = event.cacheReadTokenCount;
  }
  if (event.cacheCreationTokenCount !== undefined) {
    attributes['gen_ai.usage.cache_creation.input_tokens'] = event.cacheCreationTokenCount;
  }
  return attributes;
}

/** The conventions count cached tokens as input; Anthropic reports them beside it (contract 5.10). */
function inputTokens(event: UsageEvent): number {
  const isOutside = event.attributes?.['cacheInside'] === false || event.modelSource === 'ANTHROPIC';
  if (!isOutside) return event.inputTokenCount;
  return event.inputTokenCount + (event.cacheReadTokenCount ?? 0) + (event.cacheCreationTokenCount ?? 0);
}

function errorType(event: UsageEvent, end: AttemptEnd): string {
  if (end === 'timed-out') return 'timeout';
  return event.errorCode === undefined ? '_OTHER' : String(event.errorCode);
}
