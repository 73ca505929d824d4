/** Checks an event that a program gives to `meter` itself, and completes it (I2: wrong input throws where it is given). */
import { FusewireError } from '../errors.js';
import { normaliseMetadata } from '../metadata/normalise.js';
import type { OperationType, StopReason } from '../providers/adapter.js';
import type { Runtime } from '../runtime.js';
import { MULTIPLIER_MAX } from '../wire/event-bounds.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { EVENT_FIELDS, isMetadataName, problemOf } from './event-fields.js';

/**
 * What `meter` takes: model and provider, what is known of the usage, and usage metadata in any of its spellings
 * (contract 5.3).
 */
export type MeterEvent = Pick<UsageEvent, 'model' | 'provider'> &
  Partial<Omit<UsageEvent, 'requestTime' | 'responseTime' | 'completionStartTime'>> & {
    /** ISO-8601 text, a `Date`, or milliseconds since the epoch; likewise the other two. */
    readonly requestTime?: string | Date | number;
    readonly responseTime?: string | Date | number;
    readonly completionStartTime?: string | Date | number;
  };

type Given = Readonly<Record<string, unknown>>;

/**
 * Checks and completes an event. Defaults: `costType` AI, `operationType` CHAT, `stopReason` END (ERROR where there is an
 * `errorReason`), not streamed, a new transaction id, times that end now, total = input + output. Where no count is given
 * at all, the counts are 0 and `attributes.usageState` says `unknown` (I5). `null` counts as absent. Usage metadata is
 * taken in all of its spellings; scopes and environment are not looked at.
 *
 * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
 */
export function checkEvent(input: unknown, runtime: Runtime, middlewareSource: string): UsageEvent {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new FusewireError('INVALID_EVENT', ['the event must be an object']);
  }
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined || value === null) continue;
    const kind = EVENT_FIELDS.get(name);
    if (kind === undefined) {
      if (!isMetadataName(name)) problems.push(`${name} is not a field of a usage event`);
      continue;
    }
    const problem = problemOf(value, kind);
    if (problem === undefined) given[name] = value;
    else problems.push(`${name} ${problem}`);
  }
  for (const name of ['model', 'provider']) {
    if (Reflect.get(input, name) === undefined || Reflect.get(input, name) === null)
      problems.push(`${name} is missing`);
  }
  const { fields, dropped } = normaliseMetadata(input);
  for (const name of dropped) problems.push(`${name} has a value that it cannot have`);
  const factor: unknown = Reflect.get(fields, 'costMultiplier') ?? 1;
  if (Number(factor) < 0 || Number(factor) > MULTIPLIER_MAX)
    problems.push(`costMultiplier must be from 0 to ${MULTIPLIER_MAX}`);
  const times = timesOf(given, runtime.now());
  if (times.responseTime < times.requestTime) problems.push('responseTime is before requestTime');
  if (!isWithinCalendar(times)) problems.push('the times are outside the calendar');
  if (problems.length > 0) throw new FusewireError('INVALID_EVENT', problems);
  const { workflowId, capturePrompts: _local, ...sent } = fields;
  const attributes = workflowId === undefined ? fields.attributes : { workflowId, ...fields.attributes };
  return { ...sent, ...complete(given, times, runtime.newId(), middlewareSource, attributes) };
}

/** The last time that a `Date` can hold. */
const CALENDAR_END_MS = 8.64e15;

interface Times {
  readonly requestTime: number;
  readonly responseTime: number;
  readonly completionStartTime: number;
  readonly durationMs: number;
}

/** The times, each derived from the others where it is not given; all milliseconds since the epoch. */
function timesOf(given: Given, now: number): Times {
  const at = (name: string) => (given[name] === undefined ? undefined : new Date(given[name] as string).getTime());
  const duration = given['requestDuration'] as number | undefined;
  const start = at('requestTime');
  const end = at('responseTime');
  const responseTime = end ?? (start === undefined ? now : start + (duration ?? Math.max(0, now - start)));
  const requestTime = start ?? responseTime - (duration ?? 0);
  const firstToken = given['timeToFirstToken'] as number | undefined;
  const completionStartTime =
    at('completionStartTime') ?? (firstToken === undefined ? responseTime : requestTime + firstToken);
  return { requestTime, responseTime, completionStartTime, durationMs: duration ?? responseTime - requestTime };
}

function isWithinCalendar({ requestTime, responseTime, completionStartTime }: Times): boolean {
  return [requestTime, responseTime, completionStartTime].every((time) => Math.abs(time) <= CALENDAR_END_MS);
}

function complete(
  given: Given,
  times: Times,
  newId: string,
  middlewareSource: string,
  attributes: UsageEvent['attributes'],
): UsageEvent {
  const counts = countsOf(given);
  const errorReason = given['errorReason'] as string | undefined;
  const firstToken = given['timeToFirstToken'] as number | undefined;
  return {
    ...(given as Partial<UsageEvent>),
    ...(firstToken === undefined ? {} : { timeToFirstToken: Math.round(firstToken) }),
    transactionId: (given['transactionId'] as string | undefined) ?? newId,
    model: given['model'] as string,
    provider: given['provider'] as string,
    costType: 'AI',
    operationType: (given['operationType'] as OperationType | undefined) ?? 'CHAT',
    stopReason: (given['stopReason'] as StopReason | undefined) ?? (errorReason === undefined ? 'END' : 'ERROR'),
    isStreamed: (given['isStreamed'] as boolean | undefined) ?? false,
    inputTokenCount: counts.input,
    outputTokenCount: counts.output,
    totalTokenCount: counts.total,
    requestTime: new Date(times.requestTime).toISOString(),
    completionStartTime: new Date(times.completionStartTime).toISOString(),
    responseTime: new Date(times.responseTime).toISOString(),
    requestDuration: Math.round(times.durationMs),
    middlewareSource: (given['middlewareSource'] as string | undefined) ?? middlewareSource,
    attributes: { usageState: counts.state, ...attributes },
  };
}

function countsOf(given: Given) {
  const input = given['inputTokenCount'] as number | undefined;
  const output = given['outputTokenCount'] as number | undefined;
  const total = given['totalTokenCount'] as number | undefined;
  const state = input === undefined && output === undefined && total === undefined ? 'unknown' : 'reported';
  const knownInput = input ?? Math.max(0, (total ?? 0) - (output ?? 0));
  const knownOutput = output ?? Math.max(0, (total ?? 0) - knownInput);
  return { state, input: knownInput, output: knownOutput, total: total ?? knownInput + knownOutput };
}
