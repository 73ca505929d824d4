/** Asking an OpenAI stream for its usage. */
import type { OpenAIRequestReading } from '../providers/openai.js';
import { recordOf } from '../providers/values.js';
import { withoutMetadata } from './split-usage-metadata.js';
import { isPlainBody, makesOwnJson } from './stainless-request.js';

/**
 * A copy of a chat body that asks for usage, or `undefined` where the caller decided on it, or where the body is none
 * that could take it.
 */
export function withUsageAsked(body: unknown, reading: OpenAIRequestReading): object | undefined {
  const isStream = reading.streaming && (reading.endpoint === 'chat.completions' || reading.endpoint === 'completions');
  if (!isStream || !isPlainBody(body) || makesOwnJson(body)) return undefined;
  const given = Reflect.get(body, 'stream_options');
  if (given !== undefined && given !== null && recordOf(given) === undefined) return undefined;
  if (typeof recordOf(given)?.['include_usage'] === 'boolean') return undefined;
  const copy = withoutMetadata(body);
  Reflect.set(copy, 'stream_options', { ...recordOf(given), include_usage: true });
  return copy;
}
