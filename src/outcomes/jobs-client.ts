/** Jobs and their outcomes over the API (contract 5.9). */
import { FusewireError } from '../errors.js';
import { isRecord } from '../wire/is-record.js';
import { JobsApiError } from './jobs-errors.js';
import type { JobsTransport } from './jobs-transport.js';
import type {
  ConversionFunnel,
  Job,
  JobDeclaration,
  JobPage,
  JobQuery,
  JobRoi,
  JobTransactions,
  Outcome,
  OutcomeAmendment,
  OutcomeMetric,
  OutcomeVersion,
} from './jobs-types.js';

/** What a job may be called (contract 5.9). */
const JOB_ID = /^(?!types$|conversion-funnel$)[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}$/;
const CONFLICT = 409;
const RATE_LIMITED = 429;
const NOT_FOUND = 404;
const BUSY_STATUSES = [RATE_LIMITED, 502, 503, 504];

/**
 * The jobs API. Every method throws {@link JobsApiError} or one of its kinds when the service refuses, and retries what
 * passes by itself: 10 tries by default, 2 to 90 s apart.
 */
export class JobsClient {
  readonly #transport: JobsTransport;

  constructor(transport: JobsTransport) {
    this.#transport = transport;
  }

  /**
   * Declares a job. Jobs also appear by themselves with the first event that names them. One that is there already is
   * no error.
   */
  async createJob(jobId: string, declaration: JobDeclaration = {}): Promise<Job> {
    const { name, type, version, environment } = declaration;
    const body = { agenticJobId: checkJobId(jobId), name, type, version, environment };
    const answer = await this.#transport.request({
      what: `create the job ${jobId}`,
      method: 'POST',
      path: 'jobs',
      body,
      accepts: (status) => status === CONFLICT,
    });
    return isRecord(answer) && typeof answer['agenticJobId'] === 'string' ? (answer as Job) : { agenticJobId: jobId };
  }

  /** One job. */
  async getJob(jobId: string): Promise<Job> {
    return (await this.#get(`read the job ${jobId}`, pathOf(jobId))) as Job;
  }

  /** One page of the jobs that fit. */
  async listJobs(query: JobQuery = {}): Promise<JobPage> {
    const what = 'list jobs';
    return pageOf(what, await this.#get(what, 'jobs', query as Record<string, string | number | undefined>));
  }

  /** The types of all jobs. */
  async jobTypes(): Promise<readonly string[]> {
    const what = 'list the types of jobs';
    const types = await this.#get(what, 'jobs/types');
    if (!Array.isArray(types)) throw notUnderstood(what);
    return types.map(String);
  }

  /** How many jobs succeeded and converted. Dates are ISO-8601. */
  async conversionFunnel(
    query: { readonly startDate?: string; readonly endDate?: string; readonly jobType?: string } = {},
  ): Promise<ConversionFunnel> {
    return (await this.#get('read the conversion funnel', 'jobs/conversion-funnel', query)) as ConversionFunnel;
  }

  /** What a job cost beside what it was worth. */
  async jobRoi(jobId: string): Promise<JobRoi> {
    return (await this.#get(`read the return of ${jobId}`, `${pathOf(jobId)}/roi`)) as JobRoi;
  }

  /** The calls of a job. */
  async jobTransactions(jobId: string): Promise<JobTransactions> {
    return (await this.#get(`read the calls of ${jobId}`, `${pathOf(jobId)}/transactions`)) as JobTransactions;
  }

  /**
   * Reports what a job came to; once. A 404 is retried too: the events that make the job visible may be on their way.
   *
   * @throws OutcomeAlreadyReportedError where it has an outcome.
   */
  async reportOutcome(jobId: string, outcome: Outcome): Promise<Job> {
    return (await this.#transport.request({
      what: `report the outcome of ${jobId}`,
      method: 'POST',
      path: `${pathOf(jobId)}/outcome`,
      body: bodyOf(outcome),
      operation: 'report-outcome',
      needsWriteKey: true,
      retries: (status) => status === NOT_FOUND || BUSY_STATUSES.includes(status),
    })) as Job;
  }

  /**
   * Changes an outcome, with a reason. Retried on 429, and where no answer came.
   *
   * @throws OutcomeNotReportedError where there is nothing to amend.
   * @throws OutcomeAmendConflictError where it is not in `expectedEntityVersion` any more.
   */
  async amendOutcome(jobId: string, amendment: OutcomeAmendment): Promise<Job> {
    return (await this.#transport.request({
      what: `amend the outcome of ${jobId}`,
      method: 'PATCH',
      path: `${pathOf(jobId)}/outcome`,
      body: bodyOf(amendment),
      operation: 'amend-outcome',
      needsWriteKey: true,
      retries: (status) => status === RATE_LIMITED,
    })) as Job;
  }

  /** Every version of an outcome, oldest first. */
  async outcomeHistory(jobId: string): Promise<readonly OutcomeVersion[]> {
    const path = `${pathOf(jobId)}/outcome/history`;
    return (await this.#get(`read the outcomes of ${jobId}`, path)) as OutcomeVersion[];
  }

  /** Adds measured values to an outcome, all of them or none. Retried on 429, and where no answer came. */
  async appendOutcomeMetrics(jobId: string, metrics: readonly OutcomeMetric[]): Promise<void> {
    await this.#transport.request({
      what: `add measured values to the outcome of ${jobId}`,
      method: 'POST',
      path: `${pathOf(jobId)}/outcome/metrics`,
      body: metrics,
      needsWriteKey: true,
      retries: (status) => status === RATE_LIMITED,
    });
  }

  #get(what: string, path: string, query: Readonly<Record<string, string | number | undefined>> = {}) {
    return this.#transport.request({ what, method: 'GET', path, query });
  }
}

/** @throws FusewireError with code `INVALID_OPTIONS` for what cannot be the id of a job. */
export function checkJobId(jobId: string): string {
  if (typeof jobId === 'string' && JOB_ID.test(jobId)) return jobId;
  throw new FusewireError('INVALID_OPTIONS', [
    `${JSON.stringify(jobId)} is no job id: it must begin with a letter or digit and hold up to 255 letters, digits, dots, dashes and underscores`,
  ]);
}

function pathOf(jobId: string): string {
  return `jobs/${encodeURIComponent(checkJobId(jobId))}`;
}

/** `metadata` goes out as JSON text. */
function bodyOf(outcome: Outcome | OutcomeAmendment): Record<string, unknown> {
  if (typeof outcome !== 'object' || outcome === null) {
    throw new FusewireError('INVALID_OPTIONS', [
      "an outcome must be an object, such as { executionStatus: 'SUCCESS' }",
    ]);
  }
  const { metadata } = outcome;
  const text = metadata === undefined || typeof metadata === 'string' ? metadata : JSON.stringify(metadata);
  return { ...outcome, metadata: text };
}

/** No list that could be read: that is not an empty one. */
function notUnderstood(what: string): JobsApiError {
  return new JobsApiError(`${what}: an answer of a form that is not known`, undefined);
}

/** Both forms of a list: `_embedded.jobResourceList` with `page`, and plain `content`. */
function pageOf(what: string, answer: unknown): JobPage {
  if (!isRecord(answer)) throw notUnderstood(what);
  const body = answer;
  const embedded = isRecord(body['_embedded']) ? body['_embedded'] : {};
  const jobs = embedded['jobResourceList'] ?? body['content'];
  const page = isRecord(body['page']) ? body['page'] : body;
  const count = (name: string, fallback: number) =>
    typeof page[name] === 'number' ? (page[name] as number) : fallback;
  // A list that is empty may be absent, if its page is there.
  if (!Array.isArray(jobs) && !isRecord(body['page'])) throw notUnderstood(what);
  const list = Array.isArray(jobs) ? (jobs as Job[]) : [];
  return {
    jobs: list,
    page: {
      number: count('number', 0),
      size: count('size', list.length),
      totalElements: count('totalElements', list.length),
      totalPages: count('totalPages', 1),
    },
  };
}
