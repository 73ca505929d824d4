/** The fields of a usage event (contract 5.3) and what may be in them. */

import { METADATA_FIELDS, snakeCase } from '../metadata/fields.js';
import { COUNT_MAX, NAME_MAX } from '../wire/event-bounds.js';
import { OPERATION_TYPES, STOP_REASONS } from '../wire/operation-types.js';

/** What a field takes. */
export type FieldKind =
  /** `maxLength` characters at most, and not empty. */
  | { readonly kind: 'text'; readonly maxLength: number }
  | { readonly kind: 'one-of'; readonly members: readonly string[] }
  /** Whole, 0 or more. */
  | { readonly kind: 'count' }
  | { readonly kind: 'number' }
  /** Milliseconds, 0 or more. */
  | { readonly kind: 'duration' }
  | { readonly kind: 'integer' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'time' };

const TEXT_MAX = 1000;
const text = (maxLength = TEXT_MAX): FieldKind => ({ kind: 'text', maxLength });

function fields(kind: FieldKind, names: string): [string, FieldKind][] {
  return names.split(' ').map((name) => [name, kind]);
}

/** The fields of an event that are no usage metadata. */
export const EVENT_FIELDS: ReadonlyMap<string, FieldKind> = new Map([
  ...fields(text(255), 'transactionId'),
  ...fields(text(64), 'holdId'),
  ...fields(text(NAME_MAX), 'model provider'),
  ...fields(text(), 'modelSource operationSubtype middlewareSource systemFingerprint actualServiceTier'),
  ...fields(text(), 'errorReason'),
  ...fields({ kind: 'count' }, 'inputTokenCount outputTokenCount totalTokenCount reasoningTokenCount'),
  ...fields({ kind: 'count' }, 'cacheCreationTokenCount cacheReadTokenCount cacheCreation5mTokenCount'),
  ...fields({ kind: 'count' }, 'cacheCreation1hTokenCount'),
  ...fields({ kind: 'duration' }, 'requestDuration timeToFirstToken'),
  ...fields({ kind: 'number' }, 'temperature'),
  ...fields({ kind: 'integer' }, 'errorCode'),
  ...fields({ kind: 'flag' }, 'isStreamed'),
  ...fields({ kind: 'time' }, 'requestTime responseTime completionStartTime'),
  ...fields({ kind: 'one-of', members: ['AI'] }, 'costType'),
  ...fields({ kind: 'one-of', members: OPERATION_TYPES }, 'operationType'),
  ...fields({ kind: 'one-of', members: STOP_REASONS }, 'stopReason'),
]);

const METADATA_NAMES: ReadonlySet<string> = new Set(
  METADATA_FIELDS.flatMap((field) => [field.name, snakeCase(field.name), ...field.deprecated]),
);

/** Whether a name is usage metadata, in any spelling; its value is checked where metadata is normalised. */
export function isMetadataName(name: string): boolean {
  return (
    METADATA_NAMES.has(name) ||
    /^subscriber(_(id|email|credential|credential_name)|Id|Email|Credential|CredentialName)?$/.test(name)
  );
}

/** What is wrong with a value, as the end of a sentence that begins with the field's name; `undefined` where nothing is. */
export function problemOf(value: unknown, field: FieldKind): string | undefined {
  switch (field.kind) {
    case 'text':
      if (typeof value !== 'string' || value.trim() === '') return 'must be a text that is not empty';
      return value.length > field.maxLength ? `must have at most ${field.maxLength} characters` : undefined;
    case 'one-of':
      return field.members.some((member) => member === value)
        ? undefined
        : `must be one of ${field.members.join(', ')}`;
    case 'count':
      if (Number(value) > COUNT_MAX) return `must be at most ${COUNT_MAX}`;
      return Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'must be a whole number of 0 or more';
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : 'must be a whole number';
    case 'number':
      return Number.isFinite(value) ? undefined : 'must be a number';
    case 'duration':
      return Number.isFinite(value) && Number(value) >= 0 ? undefined : 'must be a number of milliseconds, 0 or more';
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'time':
      return isTime(value) ? undefined : 'must be an ISO-8601 time, a Date or milliseconds since the epoch';
  }
}

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof Date)) return false;
  return !Number.isNaN(new Date(value).getTime());
}
