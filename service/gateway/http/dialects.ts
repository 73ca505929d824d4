/** The bodies of errors in the three protocols, such that their official clients show the message and find the code. */
import type { Dialect } from '../types.js';
import type { Failure } from './failure.js';

/** JSON text of a failure as a caller of this protocol expects it. */
export function errorBody(dialect: Dialect, failure: Failure, requestId: string): string {
  return JSON.stringify(BODIES[dialect](failure, requestId));
}

type Body = (failure: Failure, requestId: string) => Record<string, unknown>;

const BODIES: Readonly<Record<Dialect, Body>> = {
  openai: ({ status, code, message, options }) => ({
    error: { message, type: openaiType(status), param: null, code, ...options.fields },
  }),
  // The client of Anthropic reads a code from `details.error_code`, and `request_id` for its error's `requestID`.
  anthropic: ({ status, code, message, options }, requestId) => ({
    type: 'error',
    error: { type: anthropicType(status), message, details: { error_code: code }, code, ...options.fields },
    request_id: requestId,
  }),
  // The client of Ollama shows `error`, a text, and nothing else.
  ollama: ({ code, message, options }) => ({ error: message, fusewire: { code, ...options.fields } }),
};

/** The types that OpenAI's own answers have; money that is gone is `insufficient_quota` there. */
function openaiType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 402:
      return 'insufficient_quota';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status >= 500 ? 'server_error' : 'invalid_request_error';
  }
}

/** The types of Anthropic's error reference, by status. */
function anthropicType(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 402:
      return 'billing_error';
    case 403:
      return 'permission_error';
    case 404:
      return 'not_found_error';
    case 408:
    case 504:
      return 'timeout_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 503:
    case 529:
      return 'overloaded_error';
    default:
      return status >= 500 ? 'api_error' : 'invalid_request_error';
  }
}
