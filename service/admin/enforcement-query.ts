/** What is asked of enforcement events (contract 4.7): the queries of the list and of its three summaries. */
import { DIMENSIONS, type Dimension, notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import { ApiError } from '../http/api-error.js';
import { teamQuery } from '../http/envelope.js';
import type { EnforcementFilter } from '../ledger/enforcement-reading.js';

const DAY_MS = 86_400_000;
/** A longer range may be asked for only up to now. It is also the default. */
export const RANGE_MAX_MS = 30 * DAY_MS;

/** One of a few words; an empty one is as good as none. Another one is refused with the list of them. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z
    .enum(['', ...values] as const, { error: ({ input }) => notAllowed(input, values) })
    .optional()
    .transform((given) => (given === '' ? undefined : given) as T[number] | undefined);
}

const text = (bytesMax: number) => z.string().max(bytesMax).optional();

/** The filters that all of them take. */
export const filterQuery = {
  ...teamQuery,
  since: text(64).describe('full ISO 8601 date-time, inclusive; default: 30 days before until'),
  until: text(64).describe('full ISO 8601 date-time, inclusive; default: now'),
  ruleId: text(128).describe('the id of a cost control, not the number of the feed'),
  level: oneOf(['HARD', 'WARN', 'ALL']).describe('default HARD'),
  mode: oneOf(['ENFORCED', 'SHADOW', 'ALL']).describe('default ALL'),
  query: text(256).describe('text in the names of rule, group and subscriber, the transaction id and the details'),
  groupBy: oneOf([...DIMENSIONS, 'ORG_UNIT']).describe('with groupValue'),
  groupValue: text(512),
  transactionId: text(512),
};

/** What {@link filterQuery} gives. */
export type FilterQuery = z.output<ReturnType<typeof asObject>>;

function asObject() {
  return z.object(filterQuery);
}

/** A filter with a range that is always given. */
export interface RangedFilter extends EnforcementFilter {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Reads the filters. @throws ApiError 422 that names what makes no sense */
export function readFilter(asked: FilterQuery, nowMs: number): RangedFilter {
  const givenMs = readTime('since', asked.since);
  // Whoever asks from a moment of the near future on has a clock that is ahead.
  const untilMs = readTime('until', asked.until) ?? Math.max(nowMs, givenMs ?? 0);
  const sinceMs = givenMs ?? untilMs - RANGE_MAX_MS;
  if (sinceMs > untilMs) throw unprocessable('since', 'must not be after until');
  if (untilMs - sinceMs > RANGE_MAX_MS && untilMs < nowMs) {
    throw unprocessable('since', 'a range that ends in the past spans at most 30 days');
  }
  const { ruleId, groupBy, groupValue, level = 'HARD', mode = 'ALL' } = asked;
  if (ruleId !== undefined && /^[+-]?\d+$/.test(ruleId.trim())) {
    throw unprocessable('ruleId', 'must be the id of a cost control, not the number that the feed gives it');
  }
  if ((groupBy === undefined) !== !groupValue) {
    throw unprocessable(groupBy === undefined ? 'groupBy' : 'groupValue', 'groupBy and groupValue come together');
  }
  const by = groupBy === 'ORG_UNIT' ? 'DEPARTMENT' : groupBy;
  return {
    sinceMs,
    untilMs,
    ...(ruleId ? { controlId: ruleId } : {}),
    ...(level === 'ALL' ? {} : { level }),
    ...(mode === 'ALL' ? {} : { isShadow: mode === 'SHADOW' }),
    ...(asked.query ? { text: asked.query } : {}),
    ...(by !== undefined && groupValue ? { group: { by: by satisfies Dimension, value: groupValue } } : {}),
    ...(asked.transactionId ? { transactionId: asked.transactionId } : {}),
  };
}

/** A 422 about one query parameter. */
export function unprocessable(field: string, problem: string): ApiError {
  return new ApiError(422, 'unprocessable', `${field}: ${problem}`, { problems: [{ field, problem }] });
}

const DATE_TIME = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/i;

/**
 * Reads a full date-time with its offset; `undefined` where there is none. A `+` that was not escaped comes as a space.
 *
 * @throws ApiError 422 for anything else
 */
export function readTime(field: string, given: string | undefined): number | undefined {
  if (given === undefined || given === '') return undefined;
  const written = given.replace(/(?<=T.*) (?=\d{2}:?\d{2}$)/, '+');
  const date = DATE_TIME.exec(written)?.[1];
  const atMs = Date.parse(written.replace(/([+-]\d{2})(\d{2})$/, '$1:$2'));
  // Date.parse turns 30 February into a day of March.
  const isDay = date !== undefined && new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
  if (!isDay || Number.isNaN(atMs)) {
    throw unprocessable(field, 'must be a full ISO 8601 date-time with its offset, for instance 2026-11-20T09:00:00Z');
  }
  return atMs;
}
