/** What the routes of jobs share: schemas, keys, and how a refusal is said (contract 5.9). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AGENTIC_JOB_ID } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, invalidFields } from '../http/api-error.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { ServiceContext } from '../http/types.js';
import { hashRequest, keyMismatch, readIdempotencyKey, whileClaimed } from '../ingest/idempotency.js';
import { teamInQuery } from '../ingest/metering-route.js';
import type { Answered } from '../ledger/answer-once.js';
import type { jobResource } from '../ledger/job-resource.js';
import type { ItemKey } from '../ledger/record-once.js';

/** The key of a job in a path, by the caller's name or by our id. */
export const jobParams = z.object({
  id: z.string().regex(AGENTIC_JOB_ID, {
    error: 'must begin with a letter or digit and hold up to 255 letters, digits, dots, dashes and underscores',
  }),
});

/** The query of every call. */
export const jobQuery = z.object(teamQuery);

/** The answers that are errors. */
export const jobErrors = {
  400: errorSchema,
  401: errorSchema,
  403: errorSchema,
  404: errorSchema,
  409: errorSchema,
  422: errorSchema,
};

/** The job resource. */
export const jobSchema = z.object({
  id: z.string(),
  label: z.string(),
  resourceType: z.literal('job'),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
  agenticJobId: z.string(),
  name: z.string().nullable(),
  type: z.string().nullable(),
  version: z.string().nullable(),
  environment: z.string().nullable(),
  source: z.enum(['EVENT', 'API']).describe('EVENT: only named by events so far; API: declared'),
  executionStatus: z.string().nullable(),
  outcomeType: z.string().nullable(),
  outcomeValue: z.number().nullable(),
  outcomeCurrency: z.string().nullable(),
  outcomeMetadata: z.string().nullable().describe('JSON as text, as it was reported'),
  outcomeReason: z.string().nullable(),
  outcomeReportedBy: z.string().nullable(),
  outcomeReportedAt: z.iso.datetime().nullable(),
  hasOutcome: z.boolean(),
  outcomeAmendmentCount: z.int(),
  outcomeUpdatedAt: z.iso.datetime().nullable(),
  outcomeUpdatedBy: z.string().nullable(),
  entityVersion: z.int().describe('what an amendment may name as expectedEntityVersion'),
  _links: z.object({ self: z.object({ href: z.string() }) }),
});

/** The job as the API answers it. */
export type JobResource = ReturnType<typeof jobResource>;

/** The team of a call. */
export function teamOf(request: FastifyRequest): string {
  return ownTeam(callerOf(request), [teamInQuery(request.query)]);
}

/** 404 that names the job. */
export function unknownJob(name: string): ApiError {
  return new ApiError(404, 'unknown_job', `there is no job ${name}; it appears with the first event that names it`);
}

/** Runs a write under the request's Idempotency-Key, if it has one; `operation` is the same in both path families. */
export function keyedWrite<R>(
  { ingest }: ServiceContext,
  request: FastifyRequest,
  teamId: string,
  operation: string,
  write: (key: ItemKey | undefined) => Promise<R>,
): Promise<R> {
  const key = readIdempotencyKey(request.headers['idempotency-key']);
  const item = key === undefined ? undefined : { key, bodyHash: hashRequest(operation, request.rawBody) };
  return whileClaimed(ingest, teamId, key, () => write(item));
}

/** Answers a write that was done now or before. @throws ApiError 409 where the key belongs to another request */
export function sendAnswered(reply: FastifyReply, answered: Answered): FastifyReply {
  if (answered.state === 'mismatch') throw keyMismatch();
  if (answered.state === 'replayed') reply.header('idempotent-replayed', 'true');
  return reply.code(answered.answer.status).type('application/json').send(answered.answer.body);
}

/** Whether a write went through, so that {@link sendAnswered} can answer it. */
export function isAnswered(result: { readonly state: string }): result is Answered {
  return result.state === 'done' || result.state === 'replayed' || result.state === 'mismatch';
}

/** A day, or an instant. `end` takes a day to its last millisecond. @throws ApiError 400 that names the field */
export function readDate(field: string, text: string | undefined, end: boolean, missing: number): number {
  if (text === undefined || text === '') return missing;
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const parsed = /^\d{4}-\d{2}-\d{2}(T.+)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(parsed)) {
    throw invalidFields([{ field, problem: 'must be a date such as 2026-11-20, or an ISO-8601 time' }]);
  }
  return day && end ? parsed + 86_399_999 : parsed;
}
