/** How bodies are read: JSON only, bounded in depth, and a fault is named with its place. */
import { ApiError } from './api-error.js';
import { findJsonFault } from './json-fault.js';
import { installNullCharacters, refuseNullCharacters } from './null-character.js';
import type { Api } from './types.js';
import { wellFormed } from './well-formed.js';

/** Objects and arrays inside each other; deeper bodies are refused before anything recurses into them. */
export const DEPTH_MAX = 32;

/** `application/json`, also with parameters, and its structured relatives such as `application/hal+json`. */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/;

/** Makes `api` take JSON bodies only; the text as it came is kept in `request.rawBody`. An empty body is `undefined`. */
export function installJsonBody(api: Api): void {
  installNullCharacters(api);
  const parse = api.getDefaultJsonParser('remove', 'remove');
  api.removeAllContentTypeParsers();
  api.decorateRequest('rawBody', '');
  api.addContentTypeParser(JSON_TYPE, { parseAs: 'string' }, (request, text, done) => {
    const body = text.toString();
    request.rawBody = body;
    if (body.trim() === '') return done(null, undefined);
    parse(request, body, (error, value: unknown) => {
      if (error !== null) return done(malformed(body), undefined);
      if (isDeeper(value, DEPTH_MAX)) {
        return done(new ApiError(400, 'too_deep', `the body nests deeper than ${DEPTH_MAX} levels`), undefined);
      }
      try {
        // In JSON it can only be written as \u0000. The items of a batch are judged one by one, later.
        if (body.includes('\\u0000') && !Array.isArray(value)) refuseNullCharacters(value);
      } catch (fault) {
        return done(fault as ApiError, undefined);
      }
      done(null, wellFormed(value, body));
    });
  });
}

function malformed(body: string): ApiError {
  const fault = findJsonFault(body);
  const place = fault === undefined ? '' : ` at line ${fault.line}, column ${fault.column}: ${fault.expected} expected`;
  return new ApiError(400, 'malformed_json', `the body is not valid JSON${place}`, { details: { ...fault } });
}

/** Whether a value nests deeper than `levels`. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (levels === 0) return true;
  for (const item of Object.values(value)) if (isDeeper(item, levels - 1)) return true;
  return false;
}
