/** The usage event: the message from the SDK to the service (contract 5.3). Described here and nowhere else. */
import type { OperationType, StopReason } from '../providers/adapter.js';

/** Who is charged for a call (contract 5.3). */
export interface Subscriber {
  readonly id?: string;
  readonly email?: string;
  /** `value` may be a live key of somebody: raw only on the wire to a Revenium host (I12). */
  readonly credential?: { readonly name?: string; readonly value?: string };
}

/** How sure the counts of an event are (I5). */
export type UsageState = 'reported' | 'estimated' | 'unknown';

/** Usage metadata after resolution: canonical names only; deprecated names never reach the wire. */
export interface UsageMetadataFields {
  readonly organizationName?: string;
  readonly productName?: string;
  readonly subscriptionId?: string;
  readonly subscriber?: Subscriber;
  readonly subscriberEmailSource?: string;
  readonly agent?: string;
  readonly agentVersion?: string;
  /** Of tool events; on a usage event it is an attribute. */
  readonly workflowId?: string;
  readonly taskType?: string;
  readonly traceId?: string;
  readonly traceType?: string;
  readonly traceName?: string;
  readonly parentTransactionId?: string;
  readonly transactionName?: string;
  readonly retryNumber?: number;
  readonly environment?: string;
  readonly region?: string;
  readonly credentialAlias?: string;
  readonly ticketId?: string;
  readonly responseQualityScore?: number;
  readonly effort?: string;
  readonly speed?: string;
  readonly skillName?: string;
  readonly skillKind?: string;
  readonly skillSource?: string;
  readonly skillPluginName?: string;
  readonly skillMarketplaceName?: string;
  readonly skillInvocationTrigger?: string;
  readonly agenticJobId?: string;
  readonly agenticJobName?: string;
  readonly agenticJobType?: string;
  readonly agenticJobVersion?: string;
  readonly squadId?: string;
  readonly squadName?: string;
  readonly squadRole?: string;
  readonly inputTokenCost?: number;
  readonly outputTokenCost?: number;
  readonly cacheCreationTokenCost?: number;
  readonly cacheReadTokenCost?: number;
  readonly totalCost?: number;
  readonly mediationLatency?: number;
  /** Whether this call's prompt is kept (contract 5.12). Read by us, never sent. */
  readonly capturePrompts?: boolean;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** What images, sound and video add to an event (contract 5.4 to 5.6), in wire names. */
export interface MediaFields {
  readonly requestedImageCount?: number;
  readonly actualImageCount?: number;
  /** By what the provider bills: `PER_IMAGE`, `PER_MINUTE`, `PER_SECOND`, `PER_CHARACTER`, `PER_TOKEN`, `CREDITS`. */
  readonly billingUnit?: string;
  readonly resolution?: string;
  readonly aspectRatio?: string;
  readonly quality?: string;
  readonly style?: string;
  readonly format?: string;
  readonly revisedPromptProvided?: boolean;
  readonly sourceImageProvided?: boolean;
  readonly durationSeconds?: number;
  readonly requestedDurationSeconds?: number;
  readonly characterCount?: number;
  readonly inputAudioTokenCount?: number;
  readonly outputAudioTokenCount?: number;
  readonly language?: string;
  readonly voice?: string;
  readonly audioFormat?: string;
  readonly responseFormat?: string;
  readonly sourceLanguage?: string;
  readonly targetLanguage?: string;
  readonly sampleRate?: number;
  readonly isRealtime?: boolean;
  readonly creditsConsumed?: number;
  readonly creditRate?: number;
  readonly fps?: number;
  readonly videoJobId?: string;
  readonly audioJobId?: string;
  readonly asyncOperation?: boolean;
  readonly completionStatus?: 'SUCCESS' | 'PARTIAL_TIMEOUT' | 'FAILED';
}

/** A captured prompt and its answer (contract 5.12): off by default, redacted, then cut. */
export interface PromptFields {
  readonly systemPrompt?: string;
  /** JSON text. */
  readonly inputMessages?: string;
  readonly outputResponse?: string;
  readonly promptsTruncated?: boolean;
}

/**
 * One run of a tool (contract 5.7). It goes its own way on the wire and the same way as a usage event before: outbox,
 * delivery, batches.
 */
export interface ToolEvent {
  readonly transactionId: string;
  readonly toolId: string;
  readonly operation: string;
  /** Milliseconds, whole. */
  readonly durationMs: number;
  readonly success: boolean;
  /** ISO-8601: when the tool ran, not when it was reported. */
  readonly timestamp: string;
  readonly errorMessage?: string;
  readonly costUsd?: number;
  readonly usageMetadata?: Readonly<Record<string, unknown>>;
  readonly agenticJobId?: string;
  readonly agent?: string;
  readonly workflowId?: string;
  readonly traceId?: string;
  readonly organizationName?: string;
  readonly productName?: string;
  readonly subscriberCredential?: string;
  readonly middlewareSource?: string;
}

/** What an outbox holds. */
export type MeteredEvent = UsageEvent | ToolEvent;

/** Whether an event is a tool's. */
export function isToolEvent(event: MeteredEvent): event is ToolEvent {
  return 'toolId' in event;
}

/**
 * The record of one attempt. Unknown optionals are left out, never `null`.
 *
 * Our own facts travel in `attributes`, which every service keeps as they are: `usageState` (I5), `requestedModel`
 * where it differs from `model`, `endpoint`, `providerResponseId` where it is not the transaction id, `bypass`,
 * `recovered`, `attemptId`, `cacheInside` and `reasoningInside` (the adapter's token convention, for pricing).
 */
export interface UsageEvent extends UsageMetadataFields, MediaFields, PromptFields {
  readonly transactionId: string;
  readonly model: string;
  readonly provider: string;
  readonly modelSource?: string;
  readonly costType: 'AI';
  readonly operationType: OperationType;
  readonly operationSubtype?: string;
  readonly stopReason: StopReason;
  readonly isStreamed: boolean;
  readonly inputTokenCount: number;
  readonly outputTokenCount: number;
  readonly totalTokenCount: number;
  readonly reasoningTokenCount?: number;
  readonly cacheCreationTokenCount?: number;
  readonly cacheReadTokenCount?: number;
  readonly cacheCreation5mTokenCount?: number;
  readonly cacheCreation1hTokenCount?: number;
  /** ISO-8601 UTC with milliseconds. */
  readonly requestTime: string;
  readonly completionStartTime: string;
  readonly responseTime: string;
  /** Milliseconds, whole. */
  readonly requestDuration: number;
  /** Milliseconds, whole; only where a first token was seen. */
  readonly timeToFirstToken?: number;
  readonly middlewareSource: string;
  /** Our extension: the hold that the attempt was admitted against; recording the event settles it (DESIGN section 5). */
  readonly holdId?: string;
  readonly systemFingerprint?: string;
  readonly temperature?: number;
  readonly errorReason?: string;
  readonly errorCode?: number;
  readonly actualServiceTier?: string;
  readonly requestedServiceTier?: string;
  readonly pricingTier?: 'STANDARD' | 'BATCH';
  readonly hasVisionContent?: boolean;
}
