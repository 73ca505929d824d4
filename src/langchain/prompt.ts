/** The prompt of a run: LangChain's messages, or the texts of a completion model. Pure. */
import type { CapturedPrompts } from '../providers/adapter.js';
import { listOf, textOf } from '../providers/values.js';
import { type Fields, fieldsOf } from './structure.js';

/** Roles by LangChain's message types; others are their own. */
const ROLES: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant', generic: 'user', remove: 'user' };
const IMAGE_BLOCKS = new Set(['image_url', 'image', 'input_image']);

/** Every text that the model reads, joined by line feeds. */
export function promptText(prompt: readonly unknown[]): string {
  return prompt.flatMap((message) => textsOf(message)).join('\n');
}

/** The last text of the prompt: every request that is made for it contains that. Empty where the prompt has no text. */
export function lastText(prompt: readonly unknown[]): string {
  for (let i = prompt.length - 1; i >= 0; i -= 1) {
    const message = prompt[i];
    const text = (typeof message === 'string' ? [message] : contentTexts(message)).at(-1)?.trim();
    if (text !== undefined && text !== '') return text;
  }
  return '';
}

/** Whether a message carries an image. */
export function hasImages(prompt: readonly unknown[]): boolean {
  return prompt.some((message) => listOf(fieldsOf(message)['content']).some(isImage));
}

/** The prompt as capture keeps it. */
export function capturedPrompts(prompt: readonly unknown[]): CapturedPrompts {
  const system: string[] = [];
  const inputMessages: unknown[] = [];
  for (const message of prompt) {
    if (typeof message === 'string') inputMessages.push({ role: 'user', content: message });
    else if (isSystem(message)) system.push(...textsOf(message));
    else inputMessages.push(plainMessage(fieldsOf(message)));
  }
  return { ...(system.length === 0 ? {} : { systemPrompt: system.join('\n') }), inputMessages };
}

/** What a message's content says, and the arguments of the tools that it calls. */
export function textsOf(message: unknown): string[] {
  if (typeof message === 'string') return message === '' ? [] : [message];
  const calls = listOf(fieldsOf(message)['tool_calls']).map(callText);
  return [...contentTexts(message), ...calls.filter((text) => text !== '')];
}

function contentTexts(message: unknown): string[] {
  const { content } = fieldsOf(message);
  const texts = typeof content === 'string' ? [content] : listOf(content).map(blockText);
  return texts.filter((text) => text !== '');
}

/** `human`, `ai`, `system`, `tool` …; older versions tell it by a method. */
function typeOf(message: Fields): string | undefined {
  const { type, role } = message;
  const given = textOf(type) ?? textOf(role);
  if (given !== undefined) return given;
  const read = message['getType'] ?? message['_getType'];
  return typeof read === 'function' ? textOf(read.call(message)) : undefined;
}

function isSystem(message: unknown): boolean {
  const type = typeOf(fieldsOf(message));
  return type === 'system' || type === 'developer';
}

function plainMessage(message: Fields): Record<string, unknown> {
  const type = typeOf(message) ?? 'user';
  const plain: Record<string, unknown> = { role: ROLES[type] ?? type, content: message['content'] };
  if (listOf(message['tool_calls']).length > 0) plain['tool_calls'] = message['tool_calls'];
  if (textOf(message['tool_call_id']) !== undefined) plain['tool_call_id'] = message['tool_call_id'];
  return plain;
}

function blockText(block: unknown): string {
  if (typeof block === 'string') return block;
  const { text, thinking, reasoning } = fieldsOf(block);
  return textOf(text) ?? textOf(thinking) ?? textOf(reasoning) ?? '';
}

function callText(call: unknown): string {
  const { name, args } = fieldsOf(call);
  const given = args === undefined ? '' : JSON.stringify(args);
  return `${textOf(name) ?? ''} ${given ?? ''}`.trim();
}

function isImage(block: unknown): boolean {
  const { type, mimeType, mime_type: snake } = fieldsOf(block);
  return IMAGE_BLOCKS.has(String(type)) || /^image\//.test(String(mimeType ?? snake));
}
