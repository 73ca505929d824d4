/** The prompt of a language model: as text for estimates, as messages for capture, and whether it carries images. Pure. */
import type { CapturedPrompts } from '../providers/adapter.js';
import { listOf, textOf } from '../providers/values.js';
import { type Fields, fieldsOf, readSafely } from './structure.js';

/** Leaves that are no text of the prompt: media, and words of the protocol. */
const NOT_TEXT = new Set([
  ...['data', 'image', 'url', 'mediaType', 'filename', 'providerOptions', 'providerMetadata', 'signature', 'role'],
  ...['type', 'id', 'toolCallId', 'approvalId', 'originalUrl'],
]);
const DEPTH_MAX = 24;

/** Every text that the model reads, joined by line feeds. Never throws on an odd shape. */
export function promptTextOf(params: Fields): string {
  const parts: string[] = [];
  readSafely(() => {
    collect(params['prompt'], parts, 0);
    collect(params['tools'], parts, 0);
    collect(fieldsOf(params['responseFormat'])['schema'], parts, 0);
  }, undefined);
  return parts.join('\n');
}

/** Every text in `value`, whatever its shape, but media and words of the protocol. */
function collect(value: unknown, parts: string[], depth: number): void {
  if (typeof value === 'string') {
    if (value !== '') parts.push(value);
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, parts, depth + 1);
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    if (!NOT_TEXT.has(name)) collect(item, parts, depth + 1);
  }
}

/** Whether a message of the prompt, or a tool's result in it, carries an image. */
export function hasImages(prompt: unknown): boolean {
  return readSafely(() => listOf(prompt).some((message) => isImage(fieldsOf(message)['content'], 0)), false);
}

function isImage(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > 6 || ArrayBuffer.isView(value)) return false;
  if (Array.isArray(value)) return value.some((item) => isImage(item, depth + 1));
  const part = value as Fields;
  const type = textOf(part['type']) ?? '';
  if (type === 'image' || type.startsWith('image-')) return true;
  if (textOf(part['mediaType'])?.startsWith('image') === true) return true;
  const { output } = part;
  return isImage(part['content'], depth + 1) || isImage(fieldsOf(output)['value'], depth + 1);
}

/** System messages as text, every other message in the SDK's own shape, bytes named instead of written out. */
export function promptsOf(params: Fields): CapturedPrompts {
  const messages = listOf(params['prompt']).map(fieldsOf);
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => textOf(content) ?? '');
  return {
    systemPrompt: system.length === 0 ? undefined : system.join('\n\n'),
    inputMessages: messages.filter(({ role }) => role !== 'system').map((message) => withoutBytes(message, 0)),
  };
}

function withoutBytes(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return value.href;
  if (Array.isArray(value)) return value.map((item) => withoutBytes(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'providerOptions')
      .map(([name, item]) => [name, withoutBytes(item, depth + 1)]),
  );
}
