/** An answer that is not a success, as a value that handlers throw; one shape for all of them (contract 2.3, 4.5). */

/** A field and what is wrong with it. */
export interface FieldProblem {
  /** Dotted, as in `filters.0.operator`. */
  readonly field: string;
  readonly problem: string;
}

/** What an {@link ApiError} carries beside its text. */
export interface ApiErrorOptions {
  readonly problems?: readonly FieldProblem[];
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ends a request with `status`; `code` is machine-readable. Its text is shown to the caller: never put a secret in it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly problems: readonly FieldProblem[];
  readonly details: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly statusCode: number,
    readonly code: string,
    message: string,
    options: ApiErrorOptions = {},
  ) {
    super(message);
    this.problems = options.problems ?? [];
    this.details = options.details ?? {};
    this.headers = options.headers ?? {};
  }
}

/**
 * The body of an error: `{message, error, details}`, and `{"<field>": "<problem>"}` beside it, so that a client of either
 * form finds what it looks for.
 */
export function errorBody(error: ApiError): Record<string, unknown> {
  const details = error.problems.length > 0 ? { ...error.details, problems: error.problems } : error.details;
  const fields = error.problems.filter(({ field }) => field !== '').map(({ field, problem }) => [field, problem]);
  return { ...Object.fromEntries(fields), message: error.message, error: error.code, details };
}

/** A 400 that names every field that is wrong. */
export function invalidFields(problems: readonly FieldProblem[]): ApiError {
  const message = problems.map(sentence).join('; ');
  return new ApiError(400, 'validation_failed', message, { problems });
}

/** `teamId is required` stands alone; `must be text` needs its field in front. */
function sentence({ field, problem }: FieldProblem): string {
  return field === '' || problem.startsWith(`${field} `) ? problem : `${field}: ${problem}`;
}
