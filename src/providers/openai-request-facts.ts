/** What an OpenAI request carries beside its text: images, and the prompt as capture keeps it (contract 5.3, 5.12). */
import type { CapturedPrompts } from './adapter.js';
import { recordOf, textOf } from './values.js';

type Body = Readonly<Record<string, unknown>>;

const IMAGE_PARTS: ReadonlySet<unknown> = new Set(['image_url', 'input_image', 'image', 'computer_screenshot']);

/** Whether the model is shown an image: in a message, in an answer of a tool, on a screen. Looks no deeper than those. */
export function hasOpenAIVision(body: Body): boolean {
  for (const list of [body['messages'], body['input']]) {
    if (!Array.isArray(list)) continue;
    for (const item of list) {
      if (isImage(item) || hasImage(recordOf(item)?.['content']) || hasImage(recordOf(item)?.['output'])) return true;
    }
  }
  return false;
}

function hasImage(content: unknown): boolean {
  return Array.isArray(content) ? content.some(isImage) : isImage(content);
}

function isImage(part: unknown): boolean {
  return typeof part === 'object' && part !== null && IMAGE_PARTS.has((part as Body)['type']);
}

const SYSTEM_ROLES: ReadonlySet<unknown> = new Set(['system', 'developer']);

/**
 * System and developer messages and `instructions` as text, everything else in order. What is no list of messages (a
 * prompt, an input to embed or to speak) counts as one message of the user. Never throws.
 */
export function openAIPrompts(body: Body): CapturedPrompts {
  const system: string[] = [];
  const instructions = textOf(body['instructions']);
  if (instructions !== undefined) system.push(instructions);
  const inputMessages: unknown[] = [];
  for (const item of messagesOf(body)) {
    const message = recordOf(item);
    if (SYSTEM_ROLES.has(message?.['role'])) system.push(...textsOf(message?.['content']));
    else inputMessages.push(item);
  }
  return {
    systemPrompt: system.length === 0 ? undefined : system.join('\n'),
    inputMessages: inputMessages.length === 0 ? undefined : inputMessages,
  };
}

function messagesOf(body: Body): readonly unknown[] {
  if (Array.isArray(body['messages'])) return body['messages'];
  const input = body['input'] ?? body['prompt'];
  if (input === undefined || input === null) return [];
  const items = Array.isArray(input) ? input : [input];
  return items.map((item) => (typeof item === 'string' ? { role: 'user', content: item } : item));
}

function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part) => textOf(recordOf(part)?.['text']) ?? []);
}
