/** The closed lists of a usage event (contract 5.8), without a schema library: the SDK reads them too. */
import type { OperationType, StopReason } from '../providers/adapter.js';

/** Contract 5.8. */
export const OPERATION_TYPES = [
  'CHAT',
  'GENERATE',
  'EMBED',
  'CLASSIFY',
  'SUMMARIZE',
  'TRANSLATE',
  'OTHER',
  'TOOL_CALL',
  'RERANK',
  'SEARCH',
  'MODERATION',
  'VISION',
  'TRANSFORM',
  'GUARDRAIL',
  'AUDIO',
  'VIDEO',
  'IMAGE',
] as const satisfies readonly OperationType[];

/** Contract 5.8. */
export const STOP_REASONS = [
  'END',
  'END_SEQUENCE',
  'TIMEOUT',
  'TOKEN_LIMIT',
  'COST_LIMIT',
  'COMPLETION_LIMIT',
  'ERROR',
  'CANCELLED',
] as const satisfies readonly StopReason[];
