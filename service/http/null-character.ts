/** U+0000 is a character of JSON and none of PostgreSQL's: a request that has one is refused, on either store. */
import { invalidFields } from './api-error.js';
import type { Api } from './types.js';

/** `value` is a parsed body. @throws ApiError 400 that names the place of the first text, or name of a member, with U+0000 */
export function refuseNullCharacters(value: unknown): void {
  const place = placeOfNull(value);
  if (place === undefined) return;
  const field = place.join('.').replaceAll('\0', '\\u0000');
  throw invalidFields([{ field, problem: 'must not contain the character U+0000' }]);
}

/** Refuses addresses with U+0000 in the path or the query. */
export function installNullCharacters(api: Api): void {
  // After whoever asks is known, and before anything is looked up.
  api.addHook('preValidation', async ({ url }) => {
    if (!url.includes('%00')) return;
    throw invalidFields([{ field: '', problem: 'the address must not contain the character U+0000' }]);
  });
}

/** Names of members and positions from the outside in; `undefined` where there is none. */
function placeOfNull(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.includes('\0') ? [] : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [name, item] of Object.entries(value)) {
    if (name.includes('\0')) return [name];
    const inside = placeOfNull(item);
    if (inside !== undefined) return [name, ...inside];
  }
  return undefined;
}
