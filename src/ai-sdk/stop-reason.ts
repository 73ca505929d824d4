/** Finish reasons of the AI SDK (contract 6.1). */
import type { StopReason } from '../providers/adapter.js';
import { chatStopReason } from '../providers/openai-stop-reason.js';
import { textOf } from '../providers/values.js';
import { fieldsOf } from './structure.js';

const UNIFIED: ReadonlyMap<string, StopReason> = new Map([
  ['length', 'TOKEN_LIMIT'],
  ['content-filter', 'ERROR'],
  ['tool-calls', 'END_SEQUENCE'],
  ['error', 'ERROR'],
  ['interrupted', 'CANCELLED'],
]);

/**
 * The stop reason of a finish reason: a word in v2, the SDK's word and the provider's own in v3 and v4. Where the SDK's
 * says no more than that the answer ended, the provider's own is asked. `undefined` where there is none.
 */
export function readFinishReason(reason: unknown): StopReason | undefined {
  const unified = textOf(reason) ?? textOf(fieldsOf(reason)['unified']);
  const raw = textOf(fieldsOf(reason)['raw']);
  if (unified === undefined && raw === undefined) return undefined;
  return UNIFIED.get(unified ?? '') ?? (raw === undefined ? 'END' : chatStopReason(raw));
}
