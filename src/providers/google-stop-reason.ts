/** Google's finish reasons (contract 6.1). */
import type { StopReason } from './adapter.js';

const ERRORS =
  /^(SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|MODEL_ARMOR|LANGUAGE|IMAGE_\w+|NO_IMAGE|MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL|MALFORMED_RESPONSE|MISSING_THOUGHT_SIGNATURE|JAILBREAK)$/;

const REASONS: ReadonlyMap<string, StopReason> = new Map([
  ['STOP', 'END'],
  ['MAX_TOKENS', 'TOKEN_LIMIT'],
  ['TOO_MANY_TOOL_CALLS', 'COMPLETION_LIMIT'],
  ['CANCELLED', 'CANCELLED'],
  ['CANCELED', 'CANCELLED'],
]);

/** The enum's numbers, which servers of Vertex AI write for clients that ask for them. */
const BY_NUMBER: readonly string[] = [
  ...['', 'STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'OTHER', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII'],
  'MALFORMED_FUNCTION_CALL',
];

/** The stop reason of a candidate's `finishReason`: `END` for whatever the table does not name. */
export function googleStopReason(finishReason: string | number): StopReason {
  const name = typeof finishReason === 'number' ? (BY_NUMBER[finishReason] ?? '') : finishReason.toUpperCase();
  return ERRORS.test(name) ? 'ERROR' : (REASONS.get(name) ?? 'END');
}
