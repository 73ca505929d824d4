/** What the stub provider says: OpenAI's wire format, written by hand, whole and as events. */

export type Fields = Record<string, unknown>;

/** Hostile on purpose: more bytes than characters, and the very traces that a guard removes, as words of the model. */
export const WORDS = ['Größe ', '水 🌊 ', '{"usage":null,"choices":[]} ', 'done.'];
export const TEXT = WORDS.join('');
export const CHAT_USAGE = {
  prompt_tokens: 21,
  completion_tokens: 9,
  total_tokens: 30,
  prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 2 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
export const RESPONSES_USAGE = {
  input_tokens: 21,
  input_tokens_details: { cached_tokens: 8 },
  output_tokens: 9,
  output_tokens_details: { reasoning_tokens: 3 },
  total_tokens: 30,
};

const CREATED = 1_790_000_000;

function callsTool(body: Fields): boolean {
  const messages = body['messages'] as Fields[] | undefined;
  return Array.isArray(body['tools']) && messages?.at(-1)?.['role'] !== 'tool';
}

export function wholeChat(id: string, body: Fields): Fields {
  const toolCalls = [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Wien"}' } }];
  const tool = callsTool(body);
  return {
    id,
    object: 'chat.completion',
    created: CREATED,
    model: `${String(body['model'])}-2026-01-01`,
    choices: Array.from({ length: Number(body['n'] ?? 1) }, (_, index) => ({
      index,
      message: tool
        ? { role: 'assistant', content: null, refusal: null, tool_calls: toolCalls }
        : { role: 'assistant', content: body['response_format'] ? '{"answer":42}' : TEXT, refusal: null },
      logprobs: null,
      finish_reason: tool ? 'tool_calls' : 'stop',
    })),
    usage: CHAT_USAGE,
    service_tier: 'default',
    system_fingerprint: 'fp_stub',
  };
}

/** Chat chunks; with `include_usage` each gains `usage: null` and a last one comes with the counts alone. */
export function chatChunks(id: string, body: Fields, azure: boolean): Fields[] {
  const asked = (body['stream_options'] as Fields | undefined)?.['include_usage'] === true;
  const base = {
    id,
    object: 'chat.completion.chunk',
    created: CREATED,
    model: `${String(body['model'])}-2026-01-01`,
    service_tier: 'default',
    system_fingerprint: 'fp_stub',
  };
  const chunk = (delta: Fields, finishReason: string | null = null, index = 0) => ({
    ...base,
    choices: [{ index, delta, logprobs: null, finish_reason: finishReason }],
    ...(asked ? { usage: null } : {}),
    obfuscation: 'x7',
  });
  const filter = {
    choices: [],
    created: 0,
    id: '',
    model: '',
    object: '',
    prompt_filter_results: [{ prompt_index: 0 }],
  };
  const chunks: Fields[] = azure ? [filter] : [];
  chunks.push(chunk({ role: 'assistant', content: '', refusal: null }));
  if (callsTool(body)) {
    const call = (fields: Fields) => chunk({ tool_calls: [{ index: 0, ...fields }] });
    chunks.push(call({ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }));
    chunks.push(call({ function: { arguments: '{"city":' } }), call({ function: { arguments: '"Wien"}' } }));
    chunks.push(chunk({}, 'tool_calls'));
  } else {
    for (const word of WORDS) chunks.push(chunk({ content: word }));
    chunks.push(chunk({}, 'stop'));
  }
  if (asked) chunks.push({ ...base, choices: [], usage: CHAT_USAGE, obfuscation: '' });
  return chunks;
}

export function wholeCompletion(id: string, body: Fields): Fields {
  const prompts = Array.isArray(body['prompt']) && typeof body['prompt'][0] === 'string' ? body['prompt'] : [''];
  const choices = prompts.map((_, index) => ({ text: TEXT, index, logprobs: null, finish_reason: 'length' }));
  const { prompt_tokens, completion_tokens, total_tokens } = CHAT_USAGE;
  const usage = { prompt_tokens, completion_tokens, total_tokens };
  return { id, object: 'text_completion', created: CREATED, model: String(body['model']), choices, usage };
}

export function completionChunks(id: string, body: Fields): Fields[] {
  const asked = (body['stream_options'] as Fields | undefined)?.['include_usage'] === true;
  const base = { id, object: 'text_completion', created: CREATED, model: String(body['model']) };
  const chunk = (text: string, finishReason: string | null) => ({
    ...base,
    choices: [{ text, index: 0, logprobs: null, finish_reason: finishReason }],
    ...(asked ? { usage: null } : {}),
  });
  const chunks: Fields[] = WORDS.map((word) => chunk(word, null));
  chunks.push(chunk('', 'length'));
  if (asked) chunks.push({ ...base, choices: [], usage: (wholeCompletion(id, body) as { usage: Fields }).usage });
  return chunks;
}

export function embeddings(body: Fields): Fields {
  const inputs = Array.isArray(body['input']) ? body['input'] : [body['input']];
  const vector = Float32Array.from([0.25, -0.5, 1]);
  const encoded = body['encoding_format'] === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
  return {
    object: 'list',
    data: inputs.map((_, index) => ({ object: 'embedding', index, embedding: encoded })),
    model: String(body['model']),
    usage: { prompt_tokens: 8, total_tokens: 8 },
  };
}

export function response(id: string, body: Fields, status: string): Fields {
  const done = status === 'completed';
  const part = { type: 'output_text', text: body['text'] ? '{"answer":42}' : TEXT, annotations: [], logprobs: [] };
  return {
    id,
    object: 'response',
    created_at: CREATED,
    status,
    background: body['background'] === true,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: `${String(body['model'])}-2026-01-01`,
    output: done ? [{ id: 'msg_1', type: 'message', status, role: 'assistant', content: [part] }] : [],
    parallel_tool_calls: true,
    previous_response_id: null,
    service_tier: 'default',
    store: true,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: done ? RESPONSES_USAGE : null,
    user: null,
    metadata: {},
  };
}

export function responseEvents(id: string, body: Fields): Fields[] {
  const item = { id: 'msg_1', type: 'message', status: 'in_progress', role: 'assistant', content: [] };
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const part = { type: 'output_text', text: '', annotations: [], logprobs: [] };
  const final = response(id, body, 'completed');
  const text = body['text'] ? '{"answer":42}' : TEXT;
  const words = body['text'] ? ['{"answer":', '42}'] : WORDS;
  const events: Fields[] = [
    { type: 'response.created', response: response(id, body, 'in_progress') },
    { type: 'response.in_progress', response: response(id, body, 'in_progress') },
    { type: 'response.output_item.added', output_index: 0, item },
    { type: 'response.content_part.added', ...at, part },
    ...words.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...at, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: { ...part, text } },
    { type: 'response.output_item.done', output_index: 0, item: (final['output'] as Fields[])[0] },
    { type: 'response.completed', response: final },
  ];
  return events.map((event, index) => ({ ...event, sequence_number: index }));
}

/** What `responses.compact` gives: no response, and no status. */
export function compaction(id: string): Fields {
  const output = [{ id: 'cmp_1', type: 'compaction', encrypted_content: 'x' }];
  return { id, object: 'response.compaction', created_at: CREATED, output, usage: RESPONSES_USAGE };
}
