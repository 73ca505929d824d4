/** The public surface of `fusewire`: an explicit list, nothing else. */
export {
  type BudgetExceededContext,
  BudgetExceededError,
  BudgetExceededError as CostLimitExceeded,
  BudgetExceededError as ReveniumCostLimitExceeded,
} from '../enforcement/budget-exceeded-error.js';
export type { FunctionDecorator, MethodContext } from './attribution/function-decorator.js';
export {
  type MetadataFunction,
  reveniumMetadata,
  reveniumMeter,
  reveniumMeter as trackUsage,
} from './attribution/revenium-metadata.js';
export {
  type Tracked,
  type TrackedSubscriber,
  trackAgent,
  trackOrganization,
  trackProduct,
  trackQuality,
  trackSubscriber,
  trackSubscription,
  trackTask,
  trackTrace,
} from './attribution/track.js';
export type { AnyFunction } from './attribution/wrap-function.js';
export type { FailMode, FusewireOptions } from './config.js';
export type { ConfigureOptions } from './configure.js';
export {
  checkEnforcement,
  client,
  close,
  close as shutdown,
  configure,
  flush,
  guard,
  guardFetch,
  hold,
  isInitialized,
  meter,
  meterTool,
  ready,
  reportToolCall,
  setBypass,
  status,
} from './default-functions.js';
export { FusewireError, type FusewireErrorCode } from './errors.js';
export type { GuardOptions } from './guard-client.js';
export type { Guarded, WithUsageMetadata } from './guarded.js';
export { type CallDescription, createFusewire, type Fusewire } from './instance.js';
export { defineProvider, type OutsideProvider, type ProviderDefinition } from './instrument/define-provider.js';
export type { GuardedFetch, GuardFetchOptions } from './instrument/guarded-fetch.js';
export type { GivenLog, Log, LogLevel } from './log.js';
export { withUsageMetadata } from './metadata/scope.js';
export { type TraceCarrier, withTraceContext } from './metadata/trace-context.js';
export type { MeterEvent } from './metering/check-event.js';
export type { HoldDescription, ProgramHold } from './program-holds.js';
export type { RecordedUsage } from './record-usage.js';
export type { Status } from './status.js';
export type { MeterToolOptions, ToolCall, ToolContext, ToolResult, ToolUsage } from './tools/tool-options.js';
export type { UsageMetadata } from './usage-metadata.js';
export { type SignedWebhook, verifySignature, type WebhookHeader } from './verify-signature.js';
export { VERSION } from './version.js';
