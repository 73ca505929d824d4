/** What a LiteLLM proxy's generic guardrail asks, read as the call that is to be decided on. Pure. */
import { type CallDimensions, callOf, dimensionsOf, type LitellmModel, litellmModel } from 'fusewire/internal';
import { payloadMetadata } from './payload-metadata.js';
import type { FailMode } from './team-guards.js';
import { fieldsOf, textOf } from './values.js';

/** A question of the guardrail. */
export interface GuardrailQuestion {
  /**
   * `call`: decide. `answer`: it is about what a model said, which is paid for already. `unknown`: of a shape that is
   * not known.
   */
  readonly kind: 'call' | 'answer' | 'unknown';
  readonly call: CallDimensions;
  /** LiteLLM's id of the call. */
  readonly callId: string | undefined;
  /** What happens where nothing can be decided: the guardrail's parameter `fail_mode`. @defaultValue open */
  readonly failMode: FailMode;
}

/** Reads a question. Never throws. */
export function readGuardrailQuestion(body: unknown): GuardrailQuestion {
  const asked = fieldsOf(body);
  const parameters = fieldsOf(asked['additional_provider_specific_params']);
  const { fields } = payloadMetadata({
    headers: asked['request_headers'],
    key: fieldsOf(asked['request_data']),
    // Of the guardrail's own configuration; what a request adds to it comes here too.
    explicit: [{ usage_metadata: parameters['usage_metadata'] }],
  });
  const dimensions = dimensionsOf(fields);
  const upstream = upstreamOf(asked['model']);
  const failMode = textOf(parameters['fail_mode'])?.toLowerCase() === 'closed' ? 'closed' : 'open';
  return {
    kind: kindOf(asked['input_type'], asked['request_data']),
    call: callOf(dimensions, upstream?.model, upstream?.provider),
    callId: textOf(asked['litellm_call_id'], 255),
    failMode,
  };
}

function kindOf(inputType: unknown, requestData: unknown): GuardrailQuestion['kind'] {
  if (inputType === 'response') return 'answer';
  const isObject = typeof requestData === 'object' && requestData !== null && !Array.isArray(requestData);
  // A proxy may be told to leave fields out; it always says what it asks about.
  return inputType === 'request' && (isObject || requestData === undefined || requestData === null)
    ? 'call'
    : 'unknown';
}

/** Older proxies do not say which model is asked for. */
function upstreamOf(model: unknown): LitellmModel | undefined {
  const name = textOf(model, 256);
  return name === undefined ? undefined : litellmModel(name);
}
