/**
 * The usage event as a schema (contract 5.3): what a service accepts. Unknown fields, and with them the deprecated names
 * (`organizationId`, `productId`, their snake_case forms), are dropped in silence; `null` means absent, because public SDKs
 * send it. Limits that cut a text, and defaults, are in {@link TEXT_LIMITS} and applied by the service's ingest.
 */
import { z } from 'zod';
import { COST_MAX_USD, COUNT_MAX, MULTIPLIER_MAX } from './event-bounds.js';
import { amount, count, flag, id, name, oneOf, text, time } from './event-field-kinds.js';
import { metadataFields } from './event-metadata-fields.js';
import { OPERATION_TYPES, STOP_REASONS } from './operation-types.js';

export { COST_MAX_USD, OPERATION_TYPES, STOP_REASONS };

/** Why nothing was billed (contract 5.3). */
export const SKIP_REASONS = [
  'FREE_TIER',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'CONTENT_POLICY_VIOLATION',
  'CAPACITY_UNAVAILABLE',
  'SERVICE_UNAVAILABLE',
] as const;

/** Texts that are cut when they are longer, in characters (contract 5.3); every other text is cut at 1,024. */
export const TEXT_LIMITS: Readonly<Record<string, number>> = {
  environment: 255,
  region: 255,
  credentialAlias: 255,
  traceName: 256,
  ticketId: 256,
  agentVersion: 64,
  speed: 16,
  promptId: 64,
  querySource: 128,
  holdId: 64,
  subagentType: 128,
  skillName: 256,
  skillPluginName: 256,
  skillMarketplaceName: 256,
  skillInvocationTrigger: 32,
  errorReason: 2_000,
};
/** Texts that are left out when they do not look like this (DESIGN section 6: an over-long `traceType` is omitted). */
export const TEXT_PATTERNS: Readonly<Record<string, RegExp>> = {
  traceType: /^[A-Za-z0-9_-]{1,128}$/,
  effort: /^[A-Za-z0-9_-]{1,16}$/,
};
/** Captured prompts: JSON text and plain text that are bounded by the body limit alone (contract 5.12). */
export const PROMPT_FIELDS: ReadonlySet<string> = new Set(['systemPrompt', 'inputMessages', 'outputResponse']);

/**
 * Body of `POST /meter/v2/ai/completions`. Required: `model`, `provider` and `requestTime` (it decides the window);
 * the other times and the duration follow from it where they are missing. A count that is missing stays missing (I5).
 */
export const usageEventSchema = z.object(
  {
    transactionId: id().nullish(),
    model: name('model'),
    provider: name('provider'),
    modelSource: text(),
    costType: oneOf(['AI']),
    operationType: oneOf(OPERATION_TYPES),
    operationSubtype: text(),
    stopReason: oneOf(STOP_REASONS),
    isStreamed: flag(),
    inputTokenCount: count(),
    outputTokenCount: count(),
    totalTokenCount: count(),
    reasoningTokenCount: count(),
    cacheCreationTokenCount: count(),
    cacheReadTokenCount: count(),
    cacheCreation5mTokenCount: count(),
    cacheCreation1hTokenCount: count(),
    inputTokenCost: amount(COST_MAX_USD),
    outputTokenCost: amount(COST_MAX_USD),
    cacheCreationTokenCost: amount(COST_MAX_USD),
    cacheReadTokenCost: amount(COST_MAX_USD),
    totalCost: amount(COST_MAX_USD),
    requestTime: time('requestTime'),
    responseTime: time('responseTime').nullish(),
    completionStartTime: time('completionStartTime').nullish(),
    requestDuration: amount(COUNT_MAX),
    timeToFirstToken: amount(COUNT_MAX),
    mediationLatency: amount(COUNT_MAX),
    middlewareSource: text(),
    systemFingerprint: text(),
    temperature: z.number({ error: 'must be a number' }).nullish(),
    errorReason: text(),
    errorCode: z.int({ error: 'must be a whole number' }).nullish(),
    billingSkipped: flag(),
    // Our extension: the hold that the attempt was admitted against. What is no such id settles nothing.
    holdId: text(),
    skipReason: oneOf(SKIP_REASONS),
    ...metadataFields,
    systemPrompt: text(),
    outputResponse: text(),
    inputMessages: text(),
    promptsTruncated: flag(),
    requestedServiceTier: text(),
    actualServiceTier: text(),
    subscriptionTier: text(),
    pricingTier: oneOf(['STANDARD', 'BATCH']),
    costMultiplier: amount(MULTIPLIER_MAX),
    modelHost: text(),
    attributes: z.record(z.string(), z.unknown(), { error: 'must be an object' }).nullish(),
    hasVisionContent: flag(),
    taskId: text(),
    videoJobId: text(),
    audioJobId: text(),
    failureCode: text(),
  },
  { error: 'the body must be a JSON object: one usage event' },
);

/** A usage event as it may come in. */
export type UsageEventInput = z.output<typeof usageEventSchema>;
