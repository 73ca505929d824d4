/**
 * What the service shares with the SDK: the wire, the adapters, the decision's index. Unstable: it changes with any
 * release, and nothing but `@fusewire/service` of the same version may import it.
 */
export type { CallDimensions, Decision } from '../enforcement/decision.js';
export { createLog, LOG_LEVELS, type Log, type LogLevel, maskSecrets } from './log.js';
export { createRuntime, type Runtime, type Timer, uuidv7 } from './runtime.js';
export type { Dimension, FilterOperator, Rule, RuleFilter, WindowType } from './wire/feed.js';
export type { UsageEvent } from './wire/usage-event.js';
