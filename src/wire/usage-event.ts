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
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/**
 * The record of one attempt. Unknown optionals are left out, never `null`.
 *
 * Our own facts travel in `attributes`, which every service keeps as they are: `usageState` (I5), `requestedModel`
 * where it differs from `model`, `endpoint`, `providerResponseId` where it is not the transaction id, `bypass`,
 * `recovered`, `attemptId`, `cacheInside` and `reasoningInside` (the adapter's token convention, for pricing).
 */
export interface UsageEvent extends UsageMetadataFields {
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
  readonly systemFingerprint?: string;
  readonly temperature?: number;
  readonly errorReason?: string;
  readonly errorCode?: number;
  readonly actualServiceTier?: string;
}
