/**
 * What is not forwarded although the provider would take it (docs/decisions/2026-11-21-gateway-requests.md): all callers
 * share one account at the provider, so whatever is found there by its id belongs to anybody; and what cannot be metered
 * cannot be billed.
 */

import { hostedToolOf, listOf, recordOf } from 'fusewire/internal';
import { Failure } from '../http/failure.js';
import type { Dialect } from '../types.js';
import type { ReadBody } from './read-body.js';

/** Members that name something of an earlier request, and what to do instead. */
const STATE: readonly (readonly [name: string, instead: string])[] = [
  ['previous_response_id', 'send the earlier messages in input'],
  ['conversation', 'send the earlier messages in input'],
];

/** Members that let another model answer than the one that is decided on. */
const OTHER_MODELS = ['models', 'fallbacks', 'fallback_models'] as const;

/** Why a request is not forwarded, or `undefined`. */
export function refusedRequest(body: ReadBody, dialect: Dialect, allowHostedTools: boolean): Failure | undefined {
  if (dialect === 'ollama') return undefined;
  const { fields, parts } = body;
  for (const [name, instead] of STATE) {
    if (isGiven(fields[name]))
      return shared(
        name,
        `names something of an earlier request, which all keys of this gateway could read: ${instead}`,
      );
  }
  if (fields['background'] === true) {
    return new Failure(
      400,
      'background_not_supported',
      'background answers are fetched by their id, which all keys of this gateway could do, and go on without being metered: leave background out, or stream',
    );
  }
  // A text is what the old endpoint calls so.
  if (recordOf(fields['prompt']) !== undefined)
    return shared(
      'prompt',
      'is a template that is stored at the provider, so nobody here knows what it asks for: send its text',
    );
  if (parts.reference !== undefined)
    return shared(
      'the input',
      `names ${parts.reference} by its id, which all keys of this gateway could read: send it in the request`,
    );
  for (const name of OTHER_MODELS) {
    if (isGiven(fields[name]))
      return new Failure(
        400,
        'unsupported_parameter',
        `${name} would let another model answer than the one that is decided on: name one model`,
      );
  }
  return toolProblem(fields) ?? unpricedProblem(fields, allowHostedTools);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function shared(what: string, text: string): Failure {
  return new Failure(400, 'shared_state_not_supported', `${what} ${text}`);
}

/** Tools that look into what is stored under the account. */
function toolProblem(fields: Readonly<Record<string, unknown>>): Failure | undefined {
  if (typeof fields['container'] === 'string' || isGiven(recordOf(fields['container'])?.['id'])) {
    return shared(
      'container',
      'names one of an earlier request, which all keys of this gateway could read: leave it out',
    );
  }
  for (const tool of listOf(fields['tools'])) {
    const { type, container, vector_store_ids: stores } = recordOf(tool) ?? {};
    const files = recordOf(container)?.['file_ids'];
    if (type === 'file_search' || isGiven(stores))
      return shared(
        'the tool file_search',
        'reads what is stored under the account that all keys of this gateway share: send the text in the request',
      );
    if (
      typeof container === 'string' ||
      listOf(files).length > 0 ||
      isGiven(recordOf(recordOf(tool)?.['environment'])?.['container_id'])
    ) {
      return shared(
        'a tool',
        'names a container or files of an earlier request, which all keys of this gateway could read: leave them out',
      );
    }
  }
  return undefined;
}

/** What has a price apart from tokens that no rate here knows (I5). */
function unpricedProblem(fields: Readonly<Record<string, unknown>>, allowHostedTools: boolean): Failure | undefined {
  if (allowHostedTools) return undefined;
  if (hostedToolOf(fields) !== undefined) {
    return new Failure(
      400,
      'hosted_tool_not_allowed',
      'tools that run at the provider cost apart from tokens, which is not metered here: use tools that you run yourself, or ask who runs the gateway for allowHostedTools',
    );
  }
  const geo = fields['inference_geo'];
  if (typeof geo === 'string' && geo !== 'global') {
    return new Failure(
      400,
      'unsupported_parameter',
      'inference_geo raises the price of tokens, which is not metered here: leave it out, or ask who runs the gateway for allowHostedTools',
    );
  }
  return undefined;
}
