/** Jobs and their outcomes (contract 5.9), and metered events one by one (contract 4.8). */
import { jobCosts, jobTransactions } from '../../ledger/job-costs.js';
import { addJobMetrics, jobMetricKeys, listJobMetrics, setJobMetricKeys } from '../../ledger/job-metrics.js';
import { amendOutcome, outcomeHistory, reportOutcome } from '../../ledger/job-outcomes.js';
import { getJob } from '../../ledger/job-rows.js';
import { createJob, jobFunnel, jobTypes, listJobs } from '../../ledger/jobs.js';
import { getEvent, meteredNames } from '../../ledger/reading.js';

/** Their statements. */
export const JOB_STATEMENTS = [
  'count-job-events',
  'count-jobs',
  'count-media-events',
  'count-named-events',
  'count-traced-events',
  'delete-job-metric-keys',
  'insert-job',
  'insert-job-metric',
  'insert-job-metric-key',
  'insert-job-outcome',
  'list-job-events',
  'list-jobs',
  'list-jobs-sorted',
  'list-media-events',
  'list-named-events',
  'list-traced-events',
  'note-job',
  'select-event',
  'select-job',
  'select-job-costs',
  'select-job-funnel',
  'select-job-metric-keys',
  'select-job-metrics',
  'select-job-outcomes',
  'select-job-types',
  'select-metered-names',
  'set-job-outcome',
] as const;

/** Operations that change nothing. */
export const jobReads = {
  getEvent,
  getJob,
  jobCosts,
  jobFunnel,
  jobMetricKeys,
  jobTransactions,
  jobTypes,
  listJobMetrics,
  listJobs,
  meteredNames,
  outcomeHistory,
} as const;

/** Operations that change something. */
export const jobWrites = { addJobMetrics, amendOutcome, createJob, reportOutcome, setJobMetricKeys } as const;
