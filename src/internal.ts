/**
 * What the service shares with the SDK: the wire, the adapters, the decision's index. Unstable: it changes with any
 * release, and nothing but `@fusewire/service` of the same version may import it.
 */
export type { CallDimensions, Decision } from '../enforcement/decision.js';
export { matchesFilters } from '../enforcement/match-filters.js';
export { createScopeIndex, type ScopeIndex } from '../enforcement/scope-index.js';
export { createLog, LOG_LEVELS, type Log, type LogLevel, maskSecrets } from './log.js';
export { LOCAL_TENANT_PREFIX } from './metering/key-kind.js';
export type { TokenConvention } from './providers/adapter.js';
export { createRuntime, type Runtime, type Timer, uuidv7 } from './runtime.js';
export {
  CONTROL_ACTIONS,
  type CostControlCreate,
  type CostControlPatch,
  type CostControlResource,
  controlFilterSchema,
  costControlCreateSchema,
  costControlPatchSchema,
  costControlResourceSchema,
  METRIC_TYPES,
  WINDOW_TYPES,
} from './wire/cost-control-schema.js';
export { notAllowed } from './wire/enumeration.js';
export {
  DIMENSIONS,
  type Dimension,
  FILTER_OPERATORS,
  type FilterOperator,
  type Rule,
  type RuleFilter,
  type WindowType,
} from './wire/feed.js';
export type { UsageEvent } from './wire/usage-event.js';
export {
  COST_MAX_USD,
  PROMPT_FIELDS,
  TEXT_LIMITS,
  TEXT_PATTERNS,
  type UsageEventInput,
  usageEventSchema,
} from './wire/usage-event-schema.js';
