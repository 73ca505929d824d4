/** The prompt of an Ollama request: as text, for the estimate of an answer without counts (I5), and as it is captured. */
import { isRecord } from '../wire/is-record.js';
import type { CapturedPrompts } from './adapter.js';

/**
 * Every text of the request that the model reads: system, prompt, messages, tools, a format's schema, embedding inputs.
 * Images are left out: their base64 is no text. Never throws on an odd shape.
 */
export function ollamaPromptText(body: Record<string, unknown>): string {
  const parts: unknown[] = [body['system'], body['prompt'], body['suffix'], body['state'], body['questions']];
  if (Array.isArray(body['messages'])) {
    for (const message of body['messages']) {
      if (typeof message !== 'object' || message === null) continue;
      const { content, thinking, tool_calls: toolCalls } = message as Record<string, unknown>;
      parts.push(content, thinking, toolCalls);
    }
  }
  const input = body['input'];
  for (const item of Array.isArray(input) ? input : [input]) parts.push(item);
  if (Array.isArray(body['tools']) && body['tools'].length > 0) parts.push(body['tools']);
  if (typeof body['format'] === 'object') parts.push(body['format']);
  return parts.map(textOf).filter(isNotEmpty).join('\n');
}

/** The prompt as capture keeps it: system texts apart, everything else in order. Never throws on an odd shape. */
export function ollamaPrompts(body: Record<string, unknown>): CapturedPrompts {
  const { system, prompt, input, images, messages } = body;
  const list: readonly unknown[] = Array.isArray(messages) ? messages : [];
  const isSystem = (message: unknown) => isRecord(message) && message['role'] === 'system';
  const systems = [system, ...list.filter(isSystem).map((message) => (message as { content?: unknown }).content)];
  const others = list.filter((message) => !isSystem(message));
  const asked =
    prompt === undefined ? [] : [{ role: 'user', content: prompt, ...(images === undefined ? {} : { images }) }];
  return {
    systemPrompt: systems.map(textOf).filter(isNotEmpty).join('\n'),
    inputMessages: [...others, ...asked, ...(input === undefined ? [] : [input].flat())],
  };
}

function textOf(part: unknown): string {
  if (typeof part === 'string') return part;
  if (typeof part !== 'object' || part === null) return '';
  try {
    return JSON.stringify(part) ?? '';
  } catch {
    // A circular value never reaches the provider either: the client fails on it by itself.
    return '';
  }
}

function isNotEmpty(text: string): boolean {
  return text !== '';
}
