/** How a batch is read: a JSON array, or one JSON value a line. A line that is not JSON is its own item's fault. */
import { ApiError } from '../http/api-error.js';
import { DEPTH_MAX, isDeeper } from '../http/json-body.js';
import { findJsonFault } from '../http/json-fault.js';
import type { Api } from '../http/types.js';
import { wellFormed } from '../http/well-formed.js';

/** Items of one batch. */
export const BATCH_ITEMS_MAX = 1_000;
/** Bytes of one batch. */
export const BATCH_BYTES_MAX = 8 * 1_048_576;

/** A line that could not be read; stands in the batch where its item would. */
export class UnreadableItem {
  constructor(readonly error: ApiError) {}
}

/** 413 with both limits, whichever was passed. */
export function batchTooLarge(problem: string): ApiError {
  const details = { itemsMax: BATCH_ITEMS_MAX, bytesMax: BATCH_BYTES_MAX };
  return new ApiError(413, 'batch_too_large', problem, { details });
}

/** Makes `api` take `application/x-ndjson` beside JSON; the body is then an array of values and {@link UnreadableItem}. */
export function installLines(api: Api): void {
  const parse = api.getDefaultJsonParser('remove', 'remove');
  api.addContentTypeParser(/^application\/x-ndjson\s*(?:;|$)/, { parseAs: 'string' }, (request, text, done) => {
    const items: unknown[] = [];
    for (const [at, line] of text.toString().split('\n').entries()) {
      if (line.trim() === '') continue;
      if (items.length === BATCH_ITEMS_MAX) {
        return done(batchTooLarge(`the batch holds more than ${BATCH_ITEMS_MAX} items`), undefined);
      }
      parse(request, line, (error, value: unknown) => {
        if (error !== null) items.push(new UnreadableItem(malformed(line, at + 1)));
        else if (isDeeper(value, DEPTH_MAX)) items.push(new UnreadableItem(tooDeep(at + 1)));
        else items.push(wellFormed(value, line));
      });
    }
    done(null, items);
  });
}

function malformed(text: string, line: number): ApiError {
  const fault = findJsonFault(text);
  const place = fault === undefined ? '' : `, column ${fault.column}: ${fault.expected} expected`;
  const details = { ...fault, line };
  return new ApiError(400, 'malformed_json', `line ${line} is not valid JSON${place}`, { details });
}

function tooDeep(line: number): ApiError {
  return new ApiError(400, 'too_deep', `line ${line} nests deeper than ${DEPTH_MAX} levels`, { details: { line } });
}
