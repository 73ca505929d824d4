/** Outcomes of jobs: reported once, amended with a reason, measured (contract 5.9). Writes need a write key. */
import {
  type OutcomeCreate,
  type OutcomeMetricInput,
  type OutcomePatch,
  outcomeCreateSchema,
  outcomeMetricsSchema,
  outcomePatchSchema,
} from 'fusewire/internal';
import { z } from 'zod';
import { ApiError, invalidFields } from '../http/api-error.js';
import type { Api, ServiceContext } from '../http/types.js';
import { type JobMetricInput, type MetricRefusal, metricResource } from '../ledger/job-metrics.js';
import type { OutcomeAmendment, OutcomeInput, OutcomeRefusal, OutcomeVersion } from '../ledger/job-outcomes.js';
import { jobResource } from '../ledger/job-resource.js';
import type { Job } from '../ledger/job-rows.js';
import {
  isAnswered,
  jobErrors,
  jobParams,
  jobQuery,
  jobSchema,
  keyedWrite,
  sendAnswered,
  teamOf,
  unknownJob,
} from './job-answers.js';

const write = { access: 'write' as const };
const read = { access: 'metering' as const };
const schemaOf = { params: jobParams, querystring: jobQuery };

const versionSchema = z.object({
  amendmentSequence: z.int().describe('0 is the report'),
  executionStatus: z.string(),
  outcomeType: z.string().nullable(),
  outcomeValue: z.number().nullable(),
  outcomeCurrency: z.string().nullable(),
  outcomeMetadata: z.string().nullable(),
  reportedBy: z.string().nullable(),
  reportedAt: z.iso.datetime(),
  reason: z.string().nullable(),
});
const metricSchema = z.object({
  id: z.string(),
  resourceType: z.literal('jobOutcomeMetric'),
  key: z.string(),
  value: z.number(),
  provenance: z.string(),
  recordedBy: z.string().nullable(),
  source: z.string().nullable(),
  reason: z.string().nullable(),
  recordedAt: z.iso.datetime(),
});

/** Registers `{path}/{id}/outcome` and what is below it. */
export function installOutcomes(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  installReport(api, context, path, hide);
  installAmendments(api, context, path, hide);
  installMetrics(api, context, path, hide);
}

function installReport(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  api.post(
    `${path}/:id/outcome`,
    {
      config: write,
      schema: {
        ...schemaOf,
        summary: 'Report the outcome of a job',
        tags: ['jobs'],
        hide,
        body: outcomeCreateSchema,
        response: { 200: jobSchema, ...jobErrors },
      },
    },
    async (request, reply) => {
      const teamId = teamOf(request);
      const { id } = request.params;
      const reported = await keyedWrite(context, request, teamId, `POST jobs/${id}/outcome`, (key) =>
        context.store.reportOutcome(teamId, id, outcomeOf(request.body), key),
      );
      if (isAnswered(reported)) return sendAnswered(reply, reported) as never;
      if (reported.state !== 'already-reported') throw refusalOf(id, reported, 'metrics.');
      return reply
        .code(409)
        .header('x-should-retry', 'false')
        .send(alreadyReported(reported.job) as never);
    },
  );
}

function installAmendments(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const common = { ...schemaOf, tags: ['jobs'], hide };
  api.patch(
    `${path}/:id/outcome`,
    {
      config: write,
      schema: {
        ...common,
        summary: 'Amend an outcome',
        body: outcomePatchSchema,
        response: { 200: jobSchema, ...jobErrors },
      },
    },
    async (request, reply) => {
      const teamId = teamOf(request);
      const { id } = request.params;
      const amendment = amendmentOf(request.body);
      if (Object.keys(amendment.changes).length === 0) throw nothingToAmend('the body changes nothing');
      const amended = await keyedWrite(context, request, teamId, `PATCH jobs/${id}/outcome`, (key) =>
        context.store.amendOutcome(teamId, id, amendment, key),
      );
      if (isAnswered(amended)) return sendAnswered(reply, amended) as never;
      throw refusalOf(id, amended, '', request.body.expectedEntityVersion);
    },
  );
  api.get(
    `${path}/:id/outcome/history`,
    {
      config: read,
      schema: {
        ...common,
        summary: 'Every version of an outcome, oldest first',
        response: { 200: z.array(versionSchema), ...jobErrors },
      },
    },
    async (request) => {
      const versions = await context.store.outcomeHistory(teamOf(request), request.params.id);
      if (versions === undefined) throw unknownJob(request.params.id);
      return versions.map(versionResource);
    },
  );
}

function installMetrics(api: Api, context: ServiceContext, path: string, hide: boolean): void {
  const common = { ...schemaOf, tags: ['jobs'], hide };
  api.post(
    `${path}/:id/outcome/metrics`,
    {
      config: write,
      schema: {
        ...common,
        summary: 'Add measured values to an outcome, all of them or none',
        body: outcomeMetricsSchema,
        response: { 201: z.array(metricSchema), ...jobErrors },
      },
    },
    async (request, reply) => {
      const teamId = teamOf(request);
      const { id } = request.params;
      const added = await keyedWrite(context, request, teamId, `POST jobs/${id}/outcome/metrics`, (key) =>
        context.store.addJobMetrics(teamId, id, request.body.map(metricOf), key),
      );
      if (isAnswered(added)) return sendAnswered(reply, added) as never;
      throw refusalOf(id, added, '');
    },
  );
  api.get(
    `${path}/:id/outcome/metrics`,
    {
      config: read,
      schema: {
        ...common,
        summary: 'The measured values of an outcome, oldest first',
        response: { 200: z.array(metricSchema), ...jobErrors },
      },
    },
    async (request) => {
      const metrics = await context.store.listJobMetrics(teamOf(request), request.params.id);
      if (metrics === undefined) throw unknownJob(request.params.id);
      return metrics.map(metricResource);
    },
  );
}

function outcomeOf(body: OutcomeCreate): OutcomeInput {
  return {
    executionStatus: body.executionStatus,
    outcomeType: body.outcomeType ?? null,
    outcomeValue: body.outcomeValue == null ? null : String(body.outcomeValue),
    outcomeCurrency: body.outcomeCurrency ?? (body.outcomeValue == null ? null : 'USD'),
    outcomeMetadata: body.metadata ?? null,
    outcomeReason: body.outcomeReason ?? null,
    reportedBy: body.reportedBy ?? null,
    metrics: (body.metrics ?? []).map(metricOf),
  };
}

function amendmentOf(body: OutcomePatch): OutcomeAmendment {
  const { executionStatus, outcomeType, outcomeValue, outcomeCurrency, metadata, outcomeReason } = body;
  return {
    changes: {
      ...(executionStatus == null ? {} : { executionStatus }),
      ...(outcomeType == null ? {} : { outcomeType }),
      ...(outcomeValue == null ? {} : { outcomeValue: String(outcomeValue) }),
      ...(outcomeCurrency == null ? {} : { outcomeCurrency }),
      ...(metadata == null ? {} : { outcomeMetadata: metadata }),
      ...(outcomeReason == null ? {} : { outcomeReason }),
    },
    reportedBy: body.reportedBy ?? null,
    reason: body.reason,
    expectedEntityVersion: body.expectedEntityVersion ?? null,
  };
}

function metricOf(metric: OutcomeMetricInput): JobMetricInput {
  return {
    key: metric.key,
    value: String(metric.value),
    provenance: metric.provenance,
    recordedBy: metric.recordedBy ?? null,
    source: metric.source ?? null,
    reason: metric.reason ?? null,
    recordedAtMs: metric.recordedAt == null ? null : Date.parse(metric.recordedAt),
  };
}

function versionResource({ reportedAtMs, outcomeValue, ...version }: OutcomeVersion): z.output<typeof versionSchema> {
  return {
    ...version,
    outcomeValue: outcomeValue === null ? null : Number(outcomeValue),
    reportedAt: new Date(reportedAtMs).toISOString(),
  };
}

/** Public clients look for it in different places, and older ones take the body for the job: all of them find theirs. */
function alreadyReported(job: Job): Record<string, unknown> {
  const resource = jobResource(job);
  const message = `the outcome of the job ${job.agenticJobId} has already been reported`;
  const guidance = 'to change it, send PATCH to the same address with a reason';
  const reportedAt = resource.outcomeReportedAt;
  const amendmentCount = resource.outcomeAmendmentCount;
  const details = { guidance, reportedAt, updateCount: String(amendmentCount) };
  return { ...resource, message, error: 'outcome_already_reported', guidance, reportedAt, amendmentCount, details };
}

function refusalOf(
  name: string,
  refusal: OutcomeRefusal | MetricRefusal,
  place: string,
  expected?: number | null,
): ApiError {
  switch (refusal.state) {
    case 'unknown-job':
      return unknownJob(name);
    case 'not-reported':
      return nothingToAmend('no outcome was reported yet; send POST first');
    case 'changed': {
      const current = refusal.entityVersion;
      const message =
        `Outcome has changed since entity version ${expected}; current version is ${current}. ` +
        'Read the job again and decide whether the amendment still holds.';
      const details = { expectedEntityVersion: expected, entityVersion: current };
      return new ApiError(409, 'outcome_changed', message, { details, headers: { 'x-should-retry': 'false' } });
    }
    case 'too-many':
      return new ApiError(422, 'too_many_amendments', 'this outcome was amended 999 times; it takes no more');
    case 'too-many-metrics':
      return new ApiError(422, 'too_many_metrics', 'a job holds at most 1000 metrics');
    case 'undeclared': {
      const problem = `is not declared for this type of job; declared: [${refusal.declared.join(', ')}]`;
      return invalidFields([{ field: `${place}${refusal.at}.key`, problem }]);
    }
    case 'not-a-rate':
      return invalidFields([
        { field: `${place}${refusal.at}.value`, problem: 'must be between 0 and 1: it is a rate' },
      ]);
    case 'duplicate-metric': {
      const message = `the metric at ${place}${refusal.at} was recorded before with the same key, provenance and source`;
      return new ApiError(409, 'duplicate_metric', message, { headers: { 'x-should-retry': 'false' } });
    }
  }
}

function nothingToAmend(why: string): ApiError {
  return new ApiError(422, 'nothing_to_amend', `there is nothing to amend: ${why}`);
}
