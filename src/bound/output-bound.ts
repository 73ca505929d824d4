/** The output limit that a request names itself, in the words of each endpoint. */
import type { RequestReading } from '../providers/adapter.js';
import { recordOf } from '../providers/values.js';

/** Tokens that can come out, and whether the request says so. */
export interface OutputBound {
  readonly tokens: number;
  readonly isLimited: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** OpenAI's old endpoint stops there by itself. */
export const COMPLETION_DEFAULT = 16;
const NOTHING: OutputBound = { tokens: 0, isLimited: true };

/** Where the request names no limit, `assumedTokens` for each answer that it asks for. */
export function outputBound(
  { endpoint, provider, operationType }: Pick<RequestReading, 'endpoint' | 'provider' | 'operationType'>,
  fields: Fields,
  assumedTokens: number,
): OutputBound {
  if (operationType === 'EMBED' || operationType === 'MODERATION') return NOTHING;
  const isOllama = provider === 'OLLAMA';
  switch (endpoint) {
    case 'chat.completions':
      // Ollama's endpoint reads the old name only.
      return times(
        limitOf(
          isOllama ? [fields['max_tokens']] : [fields['max_completion_tokens'], fields['max_tokens']],
          assumedTokens,
        ),
        assumedTokens,
        choicesOf(fields),
        predicted(fields['prediction']),
      );
    case 'completions': {
      const limit = limitOf([fields['max_tokens']], assumedTokens) ?? (isOllama ? undefined : COMPLETION_DEFAULT);
      return times(limit, assumedTokens, choicesOf(fields) * promptsIn(fields['prompt']), 0);
    }
    case 'responses':
    case 'responses.compact':
      return times(limitOf([fields['max_output_tokens']], assumedTokens), assumedTokens, 1, 0);
    case 'messages':
      return times(
        limitOf([fields['max_tokens'], recordOf(fields['thinking'])?.['budget_tokens']], assumedTokens),
        assumedTokens,
        1,
        0,
      );
    // Anthropic's old endpoint.
    case 'complete':
      return times(limitOf([fields['max_tokens_to_sample']], assumedTokens), assumedTokens, 1, 0);
    case 'api.chat':
    case 'api.generate':
      // -1 and 0 are no limit, -2 is what fits into the context.
      return times(limitOf([recordOf(fields['options'])?.['num_predict']], assumedTokens), assumedTokens, 1, 0);
    default:
      return times(undefined, assumedTokens, choicesOf(fields), 0);
  }
}

function times(limit: number | undefined, assumedTokens: number, answers: number, more: number): OutputBound {
  const tokens = Math.min((limit ?? assumedTokens) * answers + more, Number.MAX_SAFE_INTEGER);
  return { tokens, isLimited: limit !== undefined };
}

/**
 * The largest of those that are limits at all; a server may heed any of them. A text that is a number is heeded by some
 * servers and passed over by others, for which `otherwise` holds.
 */
export function limitOf(given: readonly unknown[], otherwise: number): number | undefined {
  let limit: number | undefined;
  for (const value of given) {
    const number = typeof value === 'string' && Number(value) > 0 ? Math.max(Number(value), otherwise) : value;
    if (typeof number !== 'number' || Number.isNaN(number) || number <= 0) continue;
    limit = Math.max(limit ?? 0, Math.min(Math.ceil(number), Number.MAX_SAFE_INTEGER));
  }
  return limit;
}

/** `best_of` are made, `n` of them are shown. A server that knows neither makes one. */
function choicesOf(fields: Fields): number {
  if (fields['n'] === undefined && fields['best_of'] === undefined) return 1;
  return Math.max(1, limitOf([fields['n'], fields['best_of']], 1) ?? 1);
}

/** Each text of a list, and each list of tokens in it, is a prompt of its own. */
function promptsIn(prompt: unknown): number {
  if (!Array.isArray(prompt) || typeof prompt[0] === 'number') return 1;
  return Math.max(1, prompt.length);
}

/** Tokens of a prediction that did not come true are billed as output, and are no more than its bytes. */
function predicted(prediction: unknown): number {
  return recordOf(prediction) === undefined ? 0 : Buffer.byteLength(JSON.stringify(prediction));
}
