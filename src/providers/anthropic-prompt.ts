/** What a request to Anthropic's API says to the model: for estimates, for capture, and whether images are among it. */
import type { CapturedPrompts } from './adapter.js';
import { recordOf, textOf } from './values.js';

type Fields = Record<string, unknown>;

/** Fields that the model reads. */
const FIELDS = ['system', 'messages', 'tools', 'prompt'];
/** Leaves that are no text: media, and words of the protocol. */
const NOT_TEXT = new Set([
  ...['data', 'url', 'signature', 'encrypted_content', 'encrypted_index', 'cache_control', 'media_type', 'file_id'],
  ...['type', 'role', 'id', 'tool_use_id', 'custom_id', 'model'],
]);
const DEPTH_MAX = 24;

/** Every text that the model reads, joined by line feeds; of a batch, of all its requests. Never throws. */
export function anthropicPromptText(body: Fields): string {
  const parts: string[] = [];
  for (const field of FIELDS) collect(body[field], parts, 0);
  for (const params of batchParams(body)) for (const field of FIELDS) collect(params[field], parts, 0);
  return parts.join('\n');
}

/** The prompt as capture keeps it (contract 5.12): the system parameter apart. */
export function anthropicPrompts(body: Fields): CapturedPrompts {
  const { system, messages, prompt } = body;
  const parts: string[] = [];
  collect(system, parts, 0);
  const listed = Array.isArray(messages)
    ? messages
    : typeof prompt === 'string'
      ? [{ role: 'user', content: prompt }]
      : undefined;
  return { systemPrompt: parts.length === 0 ? undefined : parts.join('\n'), inputMessages: listed };
}

/** Whether images or documents are in the messages, tool results included. */
export function hasVisionContent(body: Fields): boolean {
  return (
    Array.isArray(body['messages']) && body['messages'].some((message) => showsMedia(recordOf(message)?.['content'], 0))
  );
}

/** The parameters of each request of a batch. */
export function batchParams(body: Fields): Fields[] {
  const requests = Array.isArray(body['requests']) ? body['requests'] : [];
  return requests.map((request) => recordOf(recordOf(request)?.['params'])).filter((params) => params !== undefined);
}

/** Each model that a batch asks for, once, in order. */
export function batchModels(body: Fields): readonly string[] {
  const models = batchParams(body).map((params) => textOf(params['model']));
  return [...new Set(models.filter((model) => model !== undefined))];
}

function showsMedia(content: unknown, depth: number): boolean {
  if (!Array.isArray(content) || depth > DEPTH_MAX) return false;
  return content.some((item) => {
    const block = recordOf(item);
    if (block === undefined) return false;
    if (block['type'] === 'image' || block['type'] === 'document') return true;
    return showsMedia(block['content'], depth + 1);
  });
}

function collect(value: unknown, parts: string[], depth: number): void {
  if (typeof value === 'string') {
    if (value !== '') parts.push(value);
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  for (const [name, item] of Object.entries(value)) {
    if (Array.isArray(value) || !NOT_TEXT.has(name)) collect(item, parts, depth + 1);
  }
}
