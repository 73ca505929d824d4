/** Completions, tool runs, jobs and outcomes of an agent in one client (contract 5.9). */
import { isApiKey } from '../config.js';
import { readVariable } from '../config-variables.js';
import { FusewireError } from '../errors.js';
import type { WithUsageMetadata } from '../guarded.js';
import { createFusewire, type Fusewire } from '../instance.js';
import { withUsageMetadata } from '../metadata/scope.js';
import type { MeterEvent } from '../metering/check-event.js';
import { partsOf } from '../parts-of.js';
import type { Runtime } from '../runtime.js';
import { Secret } from '../secret.js';
import type { ToolCall } from '../tools/tool-options.js';
import { checkJobId, JobsClient } from './jobs-client.js';
import { JobsTransport } from './jobs-transport.js';
import type { JobDeclaration, Outcome } from './jobs-types.js';

/** How the client is set up. What is left out comes from the environment. */
export interface AgenticOutcomeSettings {
  /**
   * The key for outcomes: `rev_sk_…` or `hak_…`. @defaultValue `REVENIUM_WRITE_API_KEY`, then
   * `REVENIUM_OUTCOME_API_KEY` (deprecated), then `REVENIUM_METERING_API_KEY`
   */
  readonly apiKey?: string;
  /** @defaultValue `REVENIUM_TEAM_ID` */
  readonly teamId?: string;
  /** Where events go. Makes an instance of this client's own. @defaultValue `REVENIUM_METERING_BASE_URL` */
  readonly meteringBaseUrl?: string;
  /** Where the jobs API is. @defaultValue `REVENIUM_PROFITSTREAM_BASE_URL`, then that of the metering URL */
  readonly jobsBaseUrl?: string;
  /** The instance that meters. @defaultValue one of this client's own, with the same key and URL */
  readonly fusewire?: Fusewire;
  /** Tries of one request. @defaultValue 10 */
  readonly attempts?: number;
  /** Seconds before the first retry; doubled each time. @defaultValue 2 */
  readonly initialDelaySeconds?: number;
  /** Seconds before any retry at most, whatever the service asks for. @defaultValue 90 */
  readonly maxDelaySeconds?: number;
  /** Seconds of one try. @defaultValue 60 */
  readonly timeoutSeconds?: number;
}

/** A job that {@link AgenticOutcomeClient.runJob} runs. */
export interface JobRun<T> extends JobDeclaration {
  readonly id: string;
  /**
   * What the job came to, by its result. @defaultValue `{executionStatus: 'SUCCESS'}`; `undefined` reports nothing
   */
  readonly outcome?: (result: T) => Outcome | undefined;
  /** What a failed job came to. @defaultValue `{executionStatus: 'FAILED'}`; `undefined` reports nothing */
  readonly failure?: (error: unknown) => Outcome | undefined;
}

const ATTEMPTS = 10;
const INITIAL_DELAY_SECONDS = 2;
const MAX_DELAY_SECONDS = 90;
const TIMEOUT_SECONDS = 60;
const CONNECT_TIMEOUT_MS = 5_000;
/** A program gets the result of its job, however long the service is away. */
const REPORT_WAIT_MS = 5_000;

/**
 * Emits completions and tool runs, and reports what jobs came to.
 *
 * @example
 * const outcomes = new AgenticOutcomeClient();
 * await outcomes.runJob({ id: 'deal-7', type: 'sales' }, () =>
 *   client.chat.completions.create({ model: 'gpt-4o-mini', messages }),
 * );
 * await outcomes.close();
 */
export class AgenticOutcomeClient extends JobsClient {
  readonly #fusewire: Fusewire;
  readonly #ownsFusewire: boolean;
  readonly #transport: JobsTransport;
  readonly #runtime: Runtime;
  readonly #reports = new Set<Promise<void>>();

  /** @throws FusewireError with code `INVALID_OPTIONS`, listing every problem. */
  constructor(settings: AgenticOutcomeSettings = {}) {
    checkSettings(settings);
    const fusewire = settings.fusewire ?? createFusewire(ownOptions(settings));
    const { config, runtime, credentials } = partsOf(fusewire);
    const transport = new JobsTransport({
      runtime,
      baseUrl:
        settings.jobsBaseUrl ?? readVariable(runtime.env, 'REVENIUM_PROFITSTREAM_BASE_URL') ?? config.meteringBaseUrl,
      apiKey: (needsWriteKey) => {
        const key = keyOf(settings, runtime) ?? credentials()?.apiKey;
        return checkedKey(key, needsWriteKey);
      },
      teamId: () => settings.teamId ?? credentials()?.teamId,
      attempts: settings.attempts ?? ATTEMPTS,
      initialDelayMs: 1000 * (settings.initialDelaySeconds ?? INITIAL_DELAY_SECONDS),
      maxDelayMs: 1000 * (settings.maxDelaySeconds ?? MAX_DELAY_SECONDS),
      timeoutMs: 1000 * (settings.timeoutSeconds ?? TIMEOUT_SECONDS),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    super(transport);
    this.#fusewire = fusewire;
    this.#ownsFusewire = settings.fusewire === undefined;
    this.#transport = transport;
    this.#runtime = runtime;
  }

  /** The instance that meters; guard clients with it to have their calls counted for the job. */
  get fusewire(): Fusewire {
    return this.#fusewire;
  }

  /**
   * Meters a model call that no guarded client made.
   *
   * @returns its transaction id.
   * @throws FusewireError with code `INVALID_EVENT`.
   */
  emitCompletion(event: MeterEvent & WithUsageMetadata): string {
    return this.#fusewire.meter(event);
  }

  /**
   * Meters a run of a tool.
   *
   * @returns its transaction id.
   * @throws FusewireError with code `INVALID_EVENT`.
   */
  emitToolEvent(call: ToolCall): string {
    return this.#fusewire.reportToolCall(call);
  }

  /**
   * Runs a job: every guarded call, metered call and tool inside is counted for it, and its outcome is reported at the
   * end. An outcome that cannot be reported is logged, and costs neither result nor error of the task; one that takes
   * longer than 5 s is reported behind, and waited for by {@link close}.
   *
   * @returns what `task` returns.
   * @throws what `task` throws; FusewireError with code `INVALID_OPTIONS` for a wrong id, before the task runs.
   */
  async runJob<T>(job: JobRun<T>, task: () => T | Promise<T>): Promise<T> {
    checkJobId(job?.id);
    const scope = {
      agenticJobId: job.id,
      ...(job.name === undefined ? {} : { agenticJobName: job.name }),
      ...(job.type === undefined ? {} : { agenticJobType: job.type }),
      ...(job.version === undefined ? {} : { agenticJobVersion: job.version }),
      ...(job.environment === undefined ? {} : { environment: job.environment }),
    };
    let result: T;
    try {
      result = await withUsageMetadata(scope, async () => task());
    } catch (error) {
      await this.#report(job.id, () => (job.failure === undefined ? FAILED : job.failure(error)));
      throw error;
    }
    await this.#report(job.id, () => (job.outcome === undefined ? SUCCEEDED : job.outcome(result)));
    return result;
  }

  /** Delivers what was metered, if the instance is this client's own, and gives up what is under way. Never rejects. */
  async close(): Promise<void> {
    await this.#waitFor(Promise.all(this.#reports));
    if (this.#ownsFusewire) await this.#fusewire.close();
    await this.#transport.close();
  }

  /** Resolves when the outcome is reported, and after {@link REPORT_WAIT_MS} in any case. */
  #report(jobId: string, outcomeOf: () => Outcome | undefined): Promise<void> {
    const report = this.#reportBehind(jobId, outcomeOf).finally(() => this.#reports.delete(report));
    this.#reports.add(report);
    return this.#waitFor(report);
  }

  #waitFor(task: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(resolve, REPORT_WAIT_MS, { keepAlive: true });
      void task.finally(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #reportBehind(jobId: string, outcomeOf: () => Outcome | undefined): Promise<void> {
    try {
      const outcome = outcomeOf();
      if (outcome === undefined) return;
      // The job appears with its first event: what is metered goes first.
      await this.#fusewire.flush();
      await this.reportOutcome(jobId, outcome);
    } catch (error) {
      this.#runtime.log.warn('the outcome of a job was not reported', { jobId, error: String(error) });
    }
  }
}

const SUCCEEDED: Outcome = { executionStatus: 'SUCCESS' };
const FAILED: Outcome = { executionStatus: 'FAILED' };

function ownOptions({ apiKey, teamId, meteringBaseUrl }: AgenticOutcomeSettings) {
  return {
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(teamId === undefined ? {} : { teamId }),
    ...(meteringBaseUrl === undefined ? {} : { meteringBaseUrl }),
  };
}

function keyOf(settings: AgenticOutcomeSettings, runtime: Runtime): Secret | undefined {
  const text = settings.apiKey ?? readVariable(runtime.env, 'REVENIUM_WRITE_API_KEY');
  return text === undefined ? undefined : new Secret(text.trim());
}

function checkedKey(key: Secret | undefined, needsWriteKey: boolean): Secret {
  if (key === undefined || !isApiKey(key.reveal())) {
    throw new FusewireError('INVALID_OPTIONS', [
      'there is no key for the jobs API: set REVENIUM_WRITE_API_KEY (rev_sk_…), or pass apiKey',
    ]);
  }
  if (needsWriteKey && key.reveal().startsWith('rev_mk_')) {
    throw new FusewireError('INVALID_OPTIONS', [
      `${key.hint} is a metering key: outcomes are written with a write key (rev_sk_…); set REVENIUM_WRITE_API_KEY`,
    ]);
  }
  return key;
}

const TEXTS = ['apiKey', 'teamId', 'meteringBaseUrl', 'jobsBaseUrl'] as const;
const NUMBERS = ['initialDelaySeconds', 'maxDelaySeconds', 'timeoutSeconds'] as const;
const NAMES: ReadonlySet<string> = new Set([...TEXTS, ...NUMBERS, 'attempts', 'fusewire']);

function checkSettings(settings: AgenticOutcomeSettings): void {
  if (typeof settings !== 'object' || settings === null) {
    throw new FusewireError('INVALID_OPTIONS', ['the settings must be an object, such as { apiKey }']);
  }
  const problems: string[] = [];
  for (const name of Object.keys(settings)) {
    if (!NAMES.has(name)) problems.push(`${name} is not a setting; settings are ${[...NAMES].join(', ')}`);
  }
  for (const name of TEXTS) {
    const value: unknown = settings[name];
    if (value !== undefined && (typeof value !== 'string' || value.trim() === ''))
      problems.push(`${name} must be a text`);
  }
  for (const name of ['meteringBaseUrl', 'jobsBaseUrl'] as const) {
    const value: unknown = settings[name];
    if (typeof value === 'string' && !/^https?:\/\//i.test(value))
      problems.push(`${name} must be an http or https URL`);
  }
  for (const name of NUMBERS) {
    const value: unknown = settings[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) problems.push(`${name} must be 0 or more`);
  }
  const { attempts } = settings;
  if (attempts !== undefined && !(Number.isInteger(attempts) && attempts >= 1)) {
    problems.push('attempts must be a whole number of 1 or more');
  }
  if (settings.apiKey?.startsWith('rev_mk_') === true) {
    problems.push('apiKey is a metering key (rev_mk_…); outcomes are written with a write key (rev_sk_…)');
  }
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
}
