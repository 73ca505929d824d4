/** Stop reasons of OpenAI's APIs (contract 6.1). */
import type { StopReason } from './adapter.js';

const CHAT: ReadonlyMap<string, StopReason> = new Map([
  ['stop', 'END'],
  ['end_turn', 'END'],
  ['tool_calls', 'END_SEQUENCE'],
  ['function_call', 'END_SEQUENCE'],
  ['tool_use', 'END_SEQUENCE'],
  ['stop_sequence', 'END_SEQUENCE'],
  ['length', 'TOKEN_LIMIT'],
  ['max_tokens', 'TOKEN_LIMIT'],
  ['model_context_window_exceeded', 'TOKEN_LIMIT'],
  ['content_filter', 'ERROR'],
  ['refusal', 'ERROR'],
  ['error', 'ERROR'],
  ['timeout', 'TIMEOUT'],
  ['cost_limit', 'COST_LIMIT'],
  ['completion_limit', 'COMPLETION_LIMIT'],
  ['cancelled', 'CANCELLED'],
  ['canceled', 'CANCELLED'],
]);

const INCOMPLETE: ReadonlyMap<string, StopReason> = new Map([
  ['max_output_tokens', 'TOKEN_LIMIT'],
  ['max_messages', 'COMPLETION_LIMIT'],
  ['content_filter', 'ERROR'],
]);

/** A choice's `finish_reason`; compared without case, `END` for what the table does not name. */
export function chatStopReason(finishReason: string): StopReason {
  return CHAT.get(finishReason.toLowerCase()) ?? 'END';
}

/** A response's `status`: its stop reason, or `undefined` while work goes on (`queued`, `in_progress`). */
export function responseStopReason(
  status: string | undefined,
  incompleteReason: string | undefined,
): StopReason | undefined {
  if (status === 'queued' || status === 'in_progress') return undefined;
  if (status === 'incomplete') return INCOMPLETE.get(incompleteReason ?? '') ?? 'END';
  if (status === 'failed') return 'ERROR';
  return status === 'cancelled' ? 'CANCELLED' : 'END';
}
