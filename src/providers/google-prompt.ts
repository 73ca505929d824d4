/** The prompt of a request to Google: as text for estimates, as captured, and whether images are in it. */
import { isRecord } from '../wire/is-record.js';
import type { CapturedPrompts } from './adapter.js';
import { recordOf, textOf } from './values.js';

/** Fields that the model reads: Gemini's, those of `predict`, those of interactions. */
const FIELDS = [
  ...['systemInstruction', 'system_instruction', 'contents', 'content', 'requests', 'instances', 'input', 'tools'],
];
/** Leaves that are no text: media, and words of the protocol. */
const NOT_TEXT = new Set([
  ...['data', 'fileUri', 'uri', 'gcsUri', 'file_uri', 'bytesBase64Encoded', 'videoBytes', 'thoughtSignature'],
  ...['mimeType', 'mime_type', 'role', 'type', 'id', 'signature', 'model', 'taskType', 'task_type'],
]);
const DEPTH_MAX = 24;

/** Every text of the request that the model reads, joined by line feeds. Never throws on an odd shape. */
export function googlePromptText(body: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const field of FIELDS) collectText(body[field], parts, 0);
  for (const request of batchRequests(body)) parts.push(googlePromptText(request));
  return parts.join('\n');
}

/** The requests that are written into a batch. */
function batchRequests(body: Record<string, unknown>): readonly Record<string, unknown>[] {
  const config = recordOf(recordOf(body['batch'])?.['inputConfig']);
  const requests = recordOf(config?.['requests'])?.['requests'];
  if (!Array.isArray(requests)) return [];
  return requests.map((one) => recordOf(recordOf(one)?.['request']) ?? {});
}

/** Every text below `value`, in order. */
export function collectText(value: unknown, parts: string[], depth = 0): void {
  if (typeof value === 'string') {
    if (value !== '') parts.push(value);
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (Array.isArray(value)) for (const item of value) collectText(item, parts, depth + 1);
  else for (const [name, item] of Object.entries(value)) if (!NOT_TEXT.has(name)) collectText(item, parts, depth + 1);
}

/** Whether the prompt carries pictures, still or moving (contract 5.3). */
export function googleHasVision(body: Record<string, unknown>): boolean {
  return hasVision(body['contents'] ?? body['content'] ?? body['requests'] ?? body['input'], 0);
}

function hasVision(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.some((item) => hasVision(item, depth + 1));
  const { mimeType, mime_type: snakeCase, type } = value as Record<string, unknown>;
  if (/^(image|video)\//.test(String(mimeType ?? snakeCase ?? ''))) return true;
  if (type === 'image' || type === 'video') return true;
  return Object.values(value).some((item) => hasVision(item, depth + 1));
}

/** The prompt as capture keeps it (contract 5.12): the system instruction as text, every content in Google's own shape. */
export function googlePrompts(body: Record<string, unknown>): CapturedPrompts {
  const system: string[] = [];
  collectText(body['systemInstruction'] ?? body['system_instruction'], system);
  return {
    ...(system.length === 0 ? {} : { systemPrompt: system.join('\n') }),
    inputMessages: messagesOf(body),
  };
}

function messagesOf(body: Record<string, unknown>): readonly unknown[] {
  for (const field of ['contents', 'requests', 'instances', 'input']) {
    const value = body[field];
    if (Array.isArray(value)) return value;
    if (isRecord(value) || textOf(value) !== undefined) return [value];
  }
  if (body['content'] !== undefined) return [body['content']];
  return batchRequests(body).map((request) => request['contents']);
}
