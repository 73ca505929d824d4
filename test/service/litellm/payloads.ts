/** What a LiteLLM proxy sends, in the shape of its `StandardLoggingPayload` and of its generic guardrail; values invented. */

type Fields = Record<string, unknown>;

const KEY = {
  user_api_key_hash: '88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b',
  user_api_key_alias: 'helpdesk-prod',
  user_api_key_spend: 1.25,
  user_api_key_max_budget: null,
  user_api_key_budget_reset_at: null,
  user_api_key_org_id: null,
  user_api_key_team_id: 'team-7',
  user_api_key_user_id: 'default_user_id',
  user_api_key_user_email: null,
  user_api_key_team_alias: 'Northwind',
  user_api_key_end_user_id: null,
  user_api_key_request_route: '/v1/chat/completions',
};

/** A successful chat; `changes` are laid over it, `metadata` over its metadata. */
export function payload(startMs: number, changes: Fields = {}, metadata: Fields = {}): Fields {
  const usage = {
    prompt_tokens: 412,
    completion_tokens: 96,
    total_tokens: 508,
    prompt_tokens_details: { cached_tokens: 128, audio_tokens: null },
    completion_tokens_details: { reasoning_tokens: 12 },
  };
  return {
    id: 'chatcmpl-9x',
    litellm_call_id: 'b980db26-9512-45cc-b1da-c511a363b83f',
    trace_id: '5d0f2bd2-8f6a-4c7d-9c39-4a8b0f0a1c22',
    call_type: 'acompletion',
    cache_hit: null,
    stream: null,
    status: 'success',
    status_fields: { llm_api_status: 'success', guardrail_status: 'not_run' },
    custom_llm_provider: 'openai',
    saved_cache_cost: 0,
    startTime: startMs / 1_000,
    endTime: startMs / 1_000 + 1.25,
    completionStartTime: startMs / 1_000 + 0.5,
    response_time: 1.25,
    model: 'gpt-4o-mini',
    model_id: 'cb41bc03f4c33d31',
    model_group: 'gpt-4o-mini',
    api_base: 'https://api.openai.com',
    metadata: {
      ...KEY,
      spend_logs_metadata: null,
      requester_ip_address: '127.0.0.1',
      requester_metadata: null,
      requester_custom_headers: {},
      applied_guardrails: null,
      usage_object: usage,
      ...metadata,
    },
    cache_key: null,
    response_cost: 0.0375,
    response_cost_failure_debug_info: null,
    total_tokens: 508,
    prompt_tokens: 412,
    completion_tokens: 96,
    request_tags: ['User-Agent: OpenAI'],
    end_user: '',
    requester_ip_address: '127.0.0.1',
    messages: [
      { role: 'system', content: 'be short' },
      { role: 'user', content: 'my key is sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789' },
    ],
    response: {
      id: 'chatcmpl-9x',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hello' } }],
    },
    model_parameters: { temperature: 0.2 },
    hidden_params: { model_id: 'cb41bc03f4c33d31', response_cost: 0.0375, usage_object: null },
    error_str: null,
    error_information: null,
    guardrail_information: null,
    ...changes,
  };
}

/** The same call, failed at its provider. */
export function failure(startMs: number, changes: Fields = {}): Fields {
  return payload(
    startMs,
    {
      status: 'failure',
      response: {},
      response_cost: 0,
      total_tokens: 0,
      prompt_tokens: 0,
      completion_tokens: 0,
      error_str: 'litellm.RateLimitError: slow down',
      error_information: {
        error_code: '429',
        error_class: 'RateLimitError',
        llm_provider: 'openai',
        error_message: 'slow down',
      },
      ...changes,
    },
    { usage_object: null },
  );
}

/** A question of the guardrail before a call. */
export function question(changes: Fields = {}): Fields {
  return {
    input_type: 'request',
    litellm_call_id: 'b980db26-9512-45cc-b1da-c511a363b83f',
    litellm_trace_id: '5d0f2bd2-8f6a-4c7d-9c39-4a8b0f0a1c22',
    structured_messages: [{ role: 'user', content: 'hi' }],
    texts: ['hi'],
    images: null,
    tools: null,
    tool_calls: null,
    request_data: { ...KEY },
    request_headers: { 'user-agent': 'OpenAI/JS', 'x-request-id': '[present]' },
    litellm_version: '1.80.0',
    additional_provider_specific_params: {},
    model: 'gpt-4o-mini',
    ...changes,
  };
}
