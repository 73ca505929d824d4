/** Calls of a LiteLLM proxy that failed, and those that this service refused. Pure. */
import { type Fields, fieldsOf, textOf } from './values.js';

/**
 * Stands in the reason of every refusal of ours. LiteLLM hands on that text and nothing else, so that it is the one
 * thing by which a refused call can be told when the proxy logs it as a failure.
 */
export const REFUSAL_MARK = 'COST_LIMIT_EXCEEDED';

/** Whether the payload is of a call that our guardrail refused before it was sent. */
export function isOwnRefusal(payload: Fields): boolean {
  if (payload['status'] !== 'failure') return false;
  // What was refused consumed nothing; an error that only repeats the caller's own words may have.
  const { completion_tokens, response_cost } = payload;
  if ([completion_tokens, response_cost].some((one) => typeof one === 'number' && one > 0)) return false;
  const said = [payload['error_str'], fieldsOf(payload['error_information'])['error_message']];
  return said.some((text) => typeof text === 'string' && text.includes(`[${REFUSAL_MARK} `));
}

const REASON_MAX = 500;

/** The fields of an event that failed. */
export function errorOf(payload: Fields): Fields {
  const information = fieldsOf(payload['error_information']);
  const reason = textOf(information['error_message'], REASON_MAX) ?? textOf(payload['error_str'], REASON_MAX);
  const given = information['error_code'];
  const code = typeof given === 'object' ? Number.NaN : Number(given);
  const isTimeout = code === 408 || /timeout/i.test(textOf(information['error_class']) ?? '');
  return {
    stopReason: 'ERROR',
    errorReason: reason ?? (isTimeout ? 'timeout' : 'the call failed'),
    ...(Number.isSafeInteger(code) && code >= 100 && code < 600 ? { errorCode: code } : {}),
  };
}
