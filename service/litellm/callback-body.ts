/** How LiteLLM's generic logger sends payloads: an array, one object, or one object a line, all under the same type. */
import type { Api } from '../http/types.js';

/** Stands for a payload that is not JSON. */
export const UNREADABLE = Symbol('unreadable');

/** Payloads carry prompts and answers; a proxy drops what is not taken. Bytes. */
export const BODY_BYTES_MAX = 64 * 1_048_576;
/** LiteLLM sends at most 512 by default. */
export const PAYLOADS_MAX = 10_000;

/** Makes `api` take any body as a list of payloads; a line that cannot be read is its own fault. */
export function installPayloads(api: Api): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) =>
    done(null, payloadsOf(text.toString())),
  );
}

/** The payloads of a body, in order. */
export function payloadsOf(text: string): readonly unknown[] {
  const whole = parsed(text);
  if (whole !== UNREADABLE) return Array.isArray(whole) ? whole : [whole];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map(parsed);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
}
