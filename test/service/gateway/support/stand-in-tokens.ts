/** What the stand-in counts, by the request alone, so that a test knows the exact price of a call before it is made. */
import { type Fields, WORDS } from '../../../helpers/stub-provider-answers.js';

/** The counts of one answer. */
export interface Counts {
  readonly input: number;
  /** Of all choices together. */
  readonly output: number;
  readonly perChoice: number;
  readonly choices: number;
  /** Part of `input`. */
  readonly cached: number;
  /** The request's own limit cut the answer. */
  readonly limited: boolean;
}

const BYTES_PER_TOKEN = 4;
/** Words of an answer to a prompt that asks for no number of them. */
export const WORDS_BY_DEFAULT = 9;
const TEXT_FIELDS = new Set(['content', 'text', 'prompt', 'input', 'system', 'instructions', 'messages', 'suffix']);

/**
 * The counts of the answer to `body`: a token of input for every four bytes of its text, rounded up; a token of output for
 * every word. `say:50` in the prompt asks for 50 words, `cached:8` lets 8 tokens of the input come from the cache.
 */
export function countsOf(body: Fields): Counts {
  const text = textOf(body);
  const wanted = Number(/say:(\d+)/.exec(text)?.[1] ?? WORDS_BY_DEFAULT);
  const limit = limitOf(body);
  const perChoice = Math.min(wanted, limit);
  const choices = Number(body['n'] ?? 1);
  const input = Math.max(1, Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN));
  const cached = Math.min(input, Number(/cached:(\d+)/.exec(text)?.[1] ?? 0));
  return { input, output: perChoice * choices, perChoice, choices, cached, limited: wanted > limit };
}

/** So many words of an answer; some of them hostile: more bytes than characters, and traces of usage as words. */
export function wordsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => WORDS[index % WORDS.length]!);
}

function limitOf(body: Fields): number {
  const options = (body['options'] ?? {}) as Fields;
  const named = [body['max_tokens'], body['max_completion_tokens'], body['max_output_tokens'], options['num_predict']];
  const limit = named.find((value): value is number => typeof value === 'number' && value >= 0);
  return limit ?? Number.POSITIVE_INFINITY;
}

/** All text of a prompt, wherever a protocol puts it. */
export function textOf(value: unknown, isText = false): string {
  if (typeof value === 'string') return isText ? value : '';
  if (Array.isArray(value)) return value.map((item) => textOf(item, isText)).join('');
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([name, inner]) => (TEXT_FIELDS.has(name) ? textOf(inner, true) : ''))
    .join('');
}
