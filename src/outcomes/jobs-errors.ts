/** What the jobs API refuses, as errors that say what to do (contract 5.9). */
import { redact } from '../capture/redact.js';
import { isRecord } from '../wire/is-record.js';

const BRAND = Symbol.for('fusewire.JobsApiError');

/** The jobs API did not do what was asked. Thrown by the jobs client only, never from a call to a provider. */
export class JobsApiError extends Error {
  override readonly name: string = 'JobsApiError';
  /** HTTP status; `undefined` where no answer came. */
  readonly status: number | undefined;
  /** The machine-readable code of the service, where it gave one. */
  readonly code: string | undefined;

  constructor(message: string, status: number | undefined, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether `error` is a `JobsApiError`, or one of its kinds, of any copy of this package. */
  static is(error: unknown): error is JobsApiError {
    return typeof error === 'object' && error !== null && Reflect.get(error, BRAND) === true;
  }
}

/** The job has an outcome already. It is amended with {@link JobsClient.amendOutcome}, not reported again. */
export class OutcomeAlreadyReportedError extends JobsApiError {
  override readonly name = 'OutcomeAlreadyReportedError';
  /** ISO-8601, where the service says it. */
  readonly reportedAt: string | undefined;
  /** How often it was amended since. */
  readonly amendmentCount: number | undefined;
  /** What the service advises. */
  readonly guidance: string | undefined;

  constructor(message: string, body: Readonly<Record<string, unknown>>) {
    super(message, 409, codeOf(body));
    const details = isRecord(body['details']) ? body['details'] : {};
    const count = Number(body['amendmentCount'] ?? details['updateCount']);
    this.reportedAt = textIn(body, 'reportedAt') ?? textIn(details, 'reportedAt');
    this.amendmentCount = Number.isInteger(count) ? count : undefined;
    this.guidance = textIn(body, 'guidance') ?? textIn(details, 'guidance');
  }
}

/** There is no outcome to amend, or the amendment changes nothing. */
export class OutcomeNotReportedError extends JobsApiError {
  override readonly name = 'OutcomeNotReportedError';
}

/** Somebody amended the outcome in between. Read its history, then amend with `expectedEntityVersion` as below. */
export class OutcomeAmendConflictError extends JobsApiError {
  override readonly name = 'OutcomeAmendConflictError';
  /** What the outcome's version is now, where the service says it. */
  readonly currentEntityVersion: number | undefined;

  constructor(message: string, code: string | undefined) {
    super(message, 409, code);
    const version = /current version is (\d+)/i.exec(message)?.[1];
    this.currentEntityVersion = version === undefined ? undefined : Number(version);
  }
}

/** What was being asked, for telling the answers with the same status apart. */
export type JobsOperation = 'report-outcome' | 'amend-outcome' | 'other';

/** The error that an answer stands for. */
export function jobsErrorOf(operation: JobsOperation, what: string, status: number, body: unknown): JobsApiError {
  const fields = isRecord(body) ? body : {};
  const said = textIn(fields, 'message') ?? textIn(fields, 'error') ?? (typeof body === 'string' ? body : '');
  // A server may repeat what it was sent, the key included (I12).
  const message = `${what}: HTTP ${status}${said === '' ? '' : `: ${redact(said)}`}`;
  if (operation === 'report-outcome' && status === 409) return new OutcomeAlreadyReportedError(message, fields);
  if (operation === 'amend-outcome' && status === 409) return new OutcomeAmendConflictError(message, codeOf(fields));
  if (operation === 'amend-outcome' && status === 422) {
    return new OutcomeNotReportedError(message, status, codeOf(fields));
  }
  return new JobsApiError(message, status, codeOf(fields));
}

function codeOf(body: Readonly<Record<string, unknown>>): string | undefined {
  return textIn(body, 'code') ?? textIn(body, 'error');
}

function textIn(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
