/**
 * What the service shares with the SDK: the wire, the adapters, the decision's index. Unstable: it changes with any
 * release, and nothing but `@fusewire/service` of the same version may import it.
 */
export { applyDifference, readDifferenceInSteps } from '../cache/feed-difference.js';
export { type FeedReading, readFeedInSteps } from '../cache/feed-reader.js';
export { type KeptFeed, OddDifference } from '../cache/kept-feed.js';
export type { CallDimensions, Decision, RefuseDecision } from '../enforcement/decision.js';
export { callOf } from '../enforcement/dimensions.js';
export { createGuard, type Guard, type LoadedRules } from '../enforcement/guard.js';
export { matchesFilters } from '../enforcement/match-filters.js';
export { createScopeIndex, type ScopeIndex } from '../enforcement/scope-index.js';
export { type Allowances, type BoundBody, boundOf, DEFAULT_ALLOWANCES, hostedToolOf } from './bound/call-bound.js';
export { withModel, withOutputLimit } from './bound/change-request.js';
export { type ExpectedParts, expectedCounts } from './bound/expected.js';
export { type MessageParts, mayHaveParts, messagePartsOf, noParts } from './bound/message-parts.js';
export { type LimitEdit, type LimitedReading, outputLimitEdits } from './bound/output-limit.js';
export { OutputStatistics } from './bound/output-statistics.js';
export { ratesKeyOf } from './bound/rates-key.js';
export { boundBodyOfBytes } from './bound/raw-body.js';
export {
  ASSUMED_OUTPUT_TOKENS,
  type CallBound,
  type CallCounts,
  type RateBound,
  type RateLine,
} from './bound/types.js';
export { capturePrompts } from './capture/capture-prompts.js';
export {
  affordableOutput,
  amountOf,
  consumedAmount,
  limitToInject,
  type MeteredPart,
  meterOf,
  type PartMeter,
} from './holds/amounts.js';
export { type CallAdjustment, CallHold } from './holds/call-hold.js';
export { type ExpectedCounts, holdCallOf, holdNeedOf } from './holds/hold-ask.js';
export { OUTPUT_TOKENS_MIN } from './holds/hold-reactions.js';
export {
  HOLD_METRICS,
  type HoldCall,
  type HoldDesk,
  type HoldEstimate,
  type HoldMetric,
  type HoldNeed,
  type HoldOperation,
  type HoldOutcome,
  type HoldPart,
  type HoldReactions,
  type HoldRefusal,
  type HoldState,
  type OnExpiry,
  type OutputLimitPolicy,
  type WhenExhausted,
} from './holds/hold-types.js';
export { createHolder, type HolderOptions, type HolderParts } from './holds/holder.js';
export type { Affordable, HoldAnswer, HoldAsk, Holder, HolderStatus, HoldTicket } from './holds/holder-types.js';
export { learnExpected } from './holds/learn-expected.js';
export {
  type AnswerHead,
  AnswerWatch,
  type WatchedAttempt,
  type WatchOptions,
  WHOLE_BYTES_MAX,
} from './instrument/answer-watch.js';
export { withUsageAsked } from './instrument/openai-usage-asked.js';
export { coverOf, type StreamCover } from './instrument/stream-cover.js';
export { loadSdk } from './load-sdk.js';
export { createLog, LOG_LEVELS, type Log, type LogLevel, maskSecrets } from './log.js';
export { normaliseMetadata } from './metadata/normalise.js';
export { dimensionsOf, type ResolvedMetadata } from './metadata/resolver.js';
export {
  Attempt,
  type AttemptEnd,
  type AttemptFailure,
  type AttemptObserver,
  type AttemptSink,
  type AttemptWatch,
} from './metering/attempt.js';
export { type DiskOutbox, openDiskOutbox } from './metering/disk-outbox.js';
export { createTokenEstimator, type TokenEstimator } from './metering/estimate-tokens.js';
export { LOCAL_TENANT_PREFIX } from './metering/key-kind.js';
export { createMemoryOutbox } from './metering/memory-outbox.js';
export { resourceOfEvent } from './metering/metering-url.js';
export type { Outbox, OutboxEntry } from './metering/outbox.js';
export { ownerFolder } from './metering/owner-folder.js';
export {
  type DeadLetter,
  type DeadLettersFound,
  hasDeadLetters,
  readDeadLetters,
  removeDeadLetters,
  stampOfDeadLetters,
} from './metering/read-dead-letters.js';
export type {
  OperationType,
  ProviderAdapter,
  ProviderRequest,
  RequestReading,
  StopReason,
  TokenConvention,
  UsageReader,
  UsageReading,
} from './providers/adapter.js';
export { anthropicAdapter } from './providers/anthropic.js';
export { readMetadataHeaders } from './providers/litellm-headers.js';
export { type LitellmModel, litellmModel } from './providers/litellm-model.js';
export { positiveAmount, readLitellmUsage } from './providers/litellm-usage.js';
export { ollamaAdapter } from './providers/ollama.js';
export { type OpenAIRequestReading, openaiAdapter, readOpenAIRequest } from './providers/openai.js';
export { chatStopReason } from './providers/openai-stop-reason.js';
export { SseDecoder, type SseEvent, type SseRewrite } from './providers/sse.js';
export { LineSplitter } from './providers/sse-lines.js';
export { stripInjectedUsage } from './providers/sse-usage.js';
export { listOf, recordOf, textOf } from './providers/values.js';
export { createRuntime, type Runtime, type Timer, uuidv7 } from './runtime.js';
export {
  type ClientLeaveReaction,
  CONTROL_ACTIONS,
  type CostControlCreate,
  type CostControlPatch,
  type CostControlResource,
  controlFilterSchema,
  costControlCreateSchema,
  costControlPatchSchema,
  costControlResourceSchema,
  METRIC_TYPES,
  WEEK_DAYS,
  type WeekDay,
  WINDOW_TYPES,
} from './wire/cost-control-schema.js';
export { notAllowed } from './wire/enumeration.js';
export { COUNT_MAX } from './wire/event-bounds.js';
export { AGENTIC_JOB_ID } from './wire/event-field-kinds.js';
export {
  DIMENSIONS,
  type Dimension,
  FILTER_OPERATORS,
  type FilterOperator,
  type Rule,
  type RuleFilter,
  type WindowType,
} from './wire/feed.js';
export {
  type CheckedHoldOperation,
  HOLD_OPERATIONS_MAX,
  HOLD_TTL_SECONDS,
  holdBatchSchema,
  holdExtendFields,
  holdGiveBackFields,
  holdIdSchema,
  holdRenewFields,
  holdTakeFields,
} from './wire/hold-schema.js';
export {
  EXECUTION_STATUSES,
  type JobCreate,
  jobCreateSchema,
  OUTCOME_TYPES,
  type OutcomeCreate,
  type OutcomeMetricInput,
  type OutcomePatch,
  outcomeCreateSchema,
  outcomeMetricsSchema,
  outcomePatchSchema,
} from './wire/job-schema.js';
export {
  AUDIO_SUBTYPES,
  audioEventSchema,
  COMPLETION_STATUSES,
  IMAGE_BILLING_UNITS,
  IMAGE_SUBTYPES,
  imageEventSchema,
  LEGACY_AUDIO_SUBTYPES,
  VIDEO_SUBTYPES,
  videoEventSchema,
} from './wire/media-event-schema.js';
export { plainEventSchema, toolEventSchema } from './wire/tool-event-schema.js';
export {
  isToolEvent,
  type MediaFields,
  type MeteredEvent,
  type Subscriber,
  type UsageEvent,
  type UsageMetadataFields,
} from './wire/usage-event.js';
export {
  COST_MAX_USD,
  OPERATION_TYPES,
  PROMPT_FIELDS,
  SKIP_REASONS,
  STOP_REASONS,
  TEXT_LIMITS,
  TEXT_PATTERNS,
  type UsageEventInput,
  usageEventSchema,
} from './wire/usage-event-schema.js';
