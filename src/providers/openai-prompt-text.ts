/** The prompt of an OpenAI request as text, for the estimate of an answer that came without counts (I5). */

/** Fields that the model reads. */
const FIELDS = [
  'instructions',
  'messages',
  'input',
  'prompt',
  'suffix',
  'tools',
  'functions',
  'response_format',
  'text',
];
/** Leaves that are no text: media, and words of the protocol. */
const NOT_TEXT = new Set([
  ...['image_url', 'url', 'file_url', 'data', 'file_data', 'b64_json', 'encrypted_content', 'audio', 'input_audio'],
  ...['type', 'role', 'id', 'file_id', 'call_id', 'tool_call_id', 'status', 'detail', 'format'],
]);
const DEPTH_MAX = 24;
/** A request can carry token numbers instead of text; this stands for one of them. */
const ONE_TOKEN = 'a ';

/** Every text of the request that the model reads, joined by line feeds. Never throws on an odd shape. */
export function openAIPromptText(body: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const field of FIELDS) collect(body[field], parts, 0);
  return parts.join('\n');
}

function collect(value: unknown, parts: string[], depth: number): void {
  if (typeof value === 'string') {
    if (value !== '') parts.push(value);
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') parts.push(ONE_TOKEN.repeat(value.length));
    else for (const item of value) collect(item, parts, depth + 1);
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    if (!NOT_TEXT.has(name)) collect(item, parts, depth + 1);
  }
}
