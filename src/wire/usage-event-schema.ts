/**
 * The usage event as a schema (contract 5.3): what a service accepts. Unknown fields, and with them the deprecated names
 * (`organizationId`, `productId`, their snake_case forms), are dropped in silence; `null` means absent, because public SDKs
 * send it. Limits that cut a text, and defaults, are in {@link TEXT_LIMITS} and applied by the service's ingest.
 */
import { z } from 'zod';
import { notAllowed } from './enumeration.js';
import { OPERATION_TYPES, STOP_REASONS } from './operation-types.js';

export { OPERATION_TYPES, STOP_REASONS };

/** Why nothing was billed (contract 5.3). */
export const SKIP_REASONS = [
  'FREE_TIER',
  'RATE_LIMITED',
  'QUOTA_EXCEEDED',
  'CONTENT_POLICY_VIOLATION',
  'CAPACITY_UNAVAILABLE',
  'SERVICE_UNAVAILABLE',
] as const;

/** Above this a count is a mistake: it bounds the sums that a ledger keeps (a thousand billion tokens in one call). */
export const COUNT_MAX = 1_000_000_000_000;
/** Dollars; above this a price of one call is a mistake. */
export const COST_MAX_USD = 1_000_000_000;
/** Contract 5.9. */
export const AGENTIC_JOB_ID = /^(?!types$|conversion-funnel$)[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}$/;
const ID_MAX = 512;

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

const isMissing = (value: unknown): boolean => value === undefined || value === null;
const required = (name: string, kind: string) => (issue: { input?: unknown }) =>
  isMissing(issue.input) ? `${name} is required` : `must be ${kind}`;

const text = () => z.union([z.string(), z.number()], { error: 'must be text' }).nullish();
const id = () =>
  z.union([z.string().max(ID_MAX, { error: `must have at most ${ID_MAX} characters` }), z.number()], {
    error: (issue) => (typeof issue.input === 'string' ? `must have at most ${ID_MAX} characters` : 'must be text'),
  });
const flag = () => z.boolean({ error: 'must be true or false' }).nullish();
const count = () =>
  z
    .int({ error: 'must be a whole number' })
    .min(0, { error: 'must not be negative' })
    .max(COUNT_MAX, { error: `must be at most ${COUNT_MAX}` })
    .nullish();
const amount = (max: number) =>
  z
    .number({ error: 'must be a number' })
    .min(0, { error: 'must not be negative' })
    .max(max, { error: `must be at most ${max}` })
    .nullish();
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: (issue) => notAllowed(issue.input, values) }).nullish();
const name = (field: string) =>
  z
    .string({ error: required(field, 'text') })
    .min(1, { error: `${field} is required` })
    .max(256, { error: 'must have at most 256 characters' });
const time = (field: string) =>
  z.iso.datetime({
    offset: true,
    error: (issue) =>
      isMissing(issue.input) ? `${field} is required` : 'must be an ISO-8601 time such as 2026-11-20T09:15:00.000Z',
  });

const subscriberSchema = z.object(
  {
    id: text(),
    email: text(),
    credential: z.object({ name: text(), value: text() }, { error: 'must be an object {name, value}' }).nullish(),
  },
  { error: 'must be an object {id, email, credential}' },
);

const metadataFields = {
  organizationName: text(),
  productName: text(),
  subscriptionId: text(),
  subscriber: subscriberSchema.nullish(),
  subscriberId: text(),
  subscriberEmail: text(),
  subscriberCredentialName: text(),
  subscriberCredential: text(),
  subscriberEmailSource: text(),
  agent: text(),
  agentVersion: z.unknown().optional(),
  taskType: text(),
  traceId: text(),
  traceType: text(),
  traceName: text(),
  parentTransactionId: text(),
  transactionName: text(),
  retryNumber: count(),
  environment: text(),
  region: text(),
  credentialAlias: text(),
  ticketId: text(),
  responseQualityScore: z.number({ error: 'must be a number from 0 to 1' }).nullish(),
  effort: text(),
  speed: text(),
  promptId: text(),
  promptLength: count(),
  querySource: text(),
  subagentType: text(),
  codingAssistantAccountUuid: text(),
  skillName: text(),
  skillKind: text(),
  skillSource: text(),
  skillPluginName: text(),
  skillMarketplaceName: text(),
  skillInvocationTrigger: text(),
  agenticJobId: z
    .string({ error: 'must be text' })
    .regex(AGENTIC_JOB_ID, {
      error: 'must begin with a letter or digit and hold up to 255 letters, digits, dots, dashes and underscores',
    })
    .nullish(),
  agenticJobName: text(),
  agenticJobType: text(),
  agenticJobVersion: text(),
  squadId: text(),
  squadName: text(),
  squadRole: text(),
};

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
    costMultiplier: amount(1_000_000),
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
