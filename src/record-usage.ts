/** From the names of the core SDKs' `record_usage` to an event for `meter`. Pure. */
import { FusewireError } from './errors.js';
import type { WithUsageMetadata } from './guarded.js';
import type { MeterEvent } from './metering/check-event.js';
import { isRecord } from './wire/is-record.js';

/** What `client.recordUsage` takes: a model, and anything that `meter` takes, by its name or by the older ones. */
export interface RecordedUsage extends Partial<MeterEvent>, WithUsageMetadata {
  readonly model: string;
  /** `inputTokenCount`. */
  readonly promptTokens?: number;
  /** `outputTokenCount`. */
  readonly completionTokens?: number;
  /** `totalTokenCount`. */
  readonly totalTokens?: number;
  /** `subscriber.id`. */
  readonly userId?: string | number;
  /** `traceId`. */
  readonly sessionId?: string | number;
}

/** Older names and the fields that they stand for; the field's own name beats them. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['promptTokens', 'inputTokenCount'],
  ['prompt_tokens', 'inputTokenCount'],
  ['completionTokens', 'outputTokenCount'],
  ['completion_tokens', 'outputTokenCount'],
  ['totalTokens', 'totalTokenCount'],
  ['total_tokens', 'totalTokenCount'],
  ['userId', 'subscriber'],
  ['user_id', 'subscriber'],
  ['sessionId', 'traceId'],
  ['session_id', 'traceId'],
]);

/** The event. @throws FusewireError with code `INVALID_EVENT` where `usage` is no object */
export function eventOfUsage(usage: RecordedUsage): MeterEvent & WithUsageMetadata {
  if (!isRecord(usage)) throw new FusewireError('INVALID_EVENT', ['the usage must be an object']);
  const event: Record<string, unknown> = { provider: 'UNKNOWN' };
  for (const [name, value] of Object.entries(usage)) {
    const field = FIELDS.get(name);
    if (value === undefined || value === null) continue;
    if (field === undefined) event[name] = value;
    else if (!isGiven(usage, field)) event[field] = field === 'subscriber' ? { id: value } : value;
  }
  return event as unknown as MeterEvent & WithUsageMetadata;
}

function isGiven(usage: Record<string, unknown>, field: string): boolean {
  return usage[field] !== undefined && usage[field] !== null;
}
