/** Jobs: declare, list, read, and how far they got (contract 5.9). Their outcomes and costs are in the files beside. */
import { EXECUTION_STATUSES, jobCreateSchema, notAllowed, OUTCOME_TYPES } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, errorBody } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { cutText } from '../ingest/cut-text.js';
import { jobResource } from '../ledger/job-resource.js';
import type { JobFilter, JobSort } from '../ledger/jobs.js';
import {
  isAnswered,
  jobErrors,
  jobParams,
  jobQuery,
  jobSchema,
  keyedWrite,
  readDate,
  sendAnswered,
  teamOf,
  unknownJob,
} from './job-answers.js';
import { installJobCosts } from './job-costs-route.js';
import { installMetricKeys } from './metric-keys-route.js';
import { installOutcomes } from './outcomes-route.js';

const LIST = 'jobResourceList';
const TEXT_MAX = 1_024;
const SORTS = ['created', 'updated', 'name', 'agenticJobId', 'type'] as const;
const config = { access: 'metering' as const };

const optional = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum([...values, ''] as [string, ...string[]], { error: ({ input }) => notAllowed(input, values) }).optional();
const dates = { startDate: z.string().max(64).optional(), endDate: z.string().max(64).optional() };
const listQuery = z.object({
  ...teamQuery,
  ...pageQuery,
  ...dates,
  type: z.string().max(TEXT_MAX).optional(),
  executionStatus: optional(EXECUTION_STATUSES),
  outcomeType: optional(OUTCOME_TYPES),
  sort: z
    .string()
    .regex(new RegExp(`^(?:${SORTS.join('|')})(?:,(?:asc|desc))?$`, 'i'), {
      error: `must be one of ${SORTS.join(', ')}, with ,asc or ,desc`,
    })
    .optional(),
});
const funnelSchema = z.object({
  totalJobs: z.int(),
  successfulJobs: z.int(),
  convertedJobs: z.int(),
  successRate: z.number().describe('successful of all, 0 to 1'),
  conversionRate: z.number().describe('converted of all, 0 to 1'),
});

/** Registers everything under `{prefix}/jobs`. Outcomes are written with a write key, the rest with any key. */
export function installJobs(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}/jobs`;
  installDeclaring(api, context, path, !described);
  installLists(api, context, path, !described);
  installOutcomes(api, context, path, !described);
  installJobCosts(api, context, path, !described);
  installMetricKeys(api, context, `${prefix}/fusewire/job-types`, !described);
}

function installDeclaring(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['jobs'], hide };
  api.post(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Declare a job',
        description: '409 where it was declared before; a job that only events have named so far is declared by this.',
        querystring: jobQuery,
        body: jobCreateSchema,
        response: { 201: jobSchema, ...jobErrors },
      },
    },
    async (request, reply) => {
      const { body } = request;
      const teamId = ownTeam(callerOf(request), [body.teamId, request.query.teamId]);
      const input = {
        agenticJobId: body.agenticJobId,
        name: cut(body.name),
        type: cut(body.type)?.toLowerCase() ?? null,
        version: cut(body.version),
        environment: cut(body.environment),
      };
      const made = await keyedWrite(context, request, teamId, 'POST jobs', (key) =>
        context.store.createJob(teamId, input, key),
      );
      if (isAnswered(made)) return sendAnswered(reply, made) as never;
      const error = new ApiError(409, 'job_exists', `the job ${body.agenticJobId} was declared before`);
      return reply
        .code(409)
        .header('x-should-retry', 'false')
        .send({ ...jobResource(made.job), ...errorBody(error) } as never);
    },
  );
  api.get(
    `${path}/:id`,
    {
      config,
      schema: {
        ...common,
        summary: 'Read a job',
        params: jobParams,
        querystring: jobQuery,
        response: { 200: jobSchema, ...jobErrors },
      },
    },
    async (request) => {
      const job = await context.store.getJob(teamOf(request), request.params.id);
      if (job === undefined) throw unknownJob(request.params.id);
      return jobResource(job);
    },
  );
}

function installLists(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['jobs'], hide };
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'List jobs, newest first',
        querystring: listQuery,
        response: { 200: envelopeSchema(LIST, jobSchema), ...jobErrors },
      },
    },
    async (request) => {
      const { query } = request;
      const asked = {
        ...filterOf(query.type, query),
        executionStatus: query.executionStatus || null,
        outcomeType: query.outcomeType || null,
        sort: sortOf(query.sort),
        page: query.page,
        size: boundedSize(query.size),
      };
      const found = await store.listJobs(teamOf(request), asked);
      return envelope(LIST, found.items.map(jobResource), found, asked);
    },
  );
  api.get(
    `${path}/types`,
    {
      config,
      schema: {
        ...common,
        summary: 'The types that jobs have',
        querystring: jobQuery,
        response: { 200: z.array(z.string()) },
      },
    },
    async (request) => [...(await store.jobTypes(teamOf(request)))],
  );
  api.get(
    `${path}/conversion-funnel`,
    {
      config,
      schema: {
        ...common,
        summary: 'How many jobs succeeded and converted',
        querystring: z.object({ ...teamQuery, ...dates, jobType: z.string().max(TEXT_MAX).optional() }),
        response: { 200: funnelSchema, ...jobErrors },
      },
    },
    async (request) => {
      const found = await store.jobFunnel(teamOf(request), filterOf(request.query.jobType, request.query));
      const { jobs, successful, converted } = found;
      const rate = (part: number) => (jobs === 0 ? 0 : part / jobs);
      return {
        totalJobs: jobs,
        successfulJobs: successful,
        convertedJobs: converted,
        successRate: rate(successful),
        conversionRate: rate(converted),
      };
    },
  );
}

function filterOf(
  type: string | undefined,
  query: { startDate?: string | undefined; endDate?: string | undefined },
): JobFilter {
  return {
    type: type ? type.toLowerCase() : null,
    fromMs: readDate('startDate', query.startDate, false, 0),
    toMs: readDate('endDate', query.endDate, true, Number.MAX_SAFE_INTEGER),
  };
}

function sortOf(text: string | undefined): JobSort {
  const [asked = 'created', direction = text === undefined ? 'desc' : 'asc'] = (text ?? 'created').split(',');
  const field = SORTS.find((one) => one.toLowerCase() === asked.toLowerCase()) ?? 'created';
  return `${field},${direction.toLowerCase() === 'desc' ? 'desc' : 'asc'}`;
}

function cut(text: string | number | null | undefined): string | null {
  return text === null || text === undefined || text === '' ? null : cutText(String(text), TEXT_MAX);
}
