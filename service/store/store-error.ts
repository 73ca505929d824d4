/** The errors of a store that its callers tell apart. */

/**
 * - `INVALID_CONTROL`: the control cannot be kept as it is; `problems` names the fields.
 * - `INVALID`: something else than a control cannot be kept; `problems` as well. `CONFLICT`: not in the state that it is in.
 * - `UNKNOWN_TEAM`: there is no such team.
 * - `NO_DRIVER`, `LOCKED`, `TOO_NEW`, `TOO_OLD`, `UNREADABLE`: the database cannot be opened; the message says what to do.
 * - `CLOSED`: the store was closed. `BROKEN`: it failed; what was under way may or may not be kept, so send it again.
 */
export type StoreErrorCode =
  | 'INVALID_CONTROL'
  | 'INVALID'
  | 'CONFLICT'
  | 'UNKNOWN_TEAM'
  | 'NO_DRIVER'
  | 'LOCKED'
  | 'TOO_NEW'
  | 'TOO_OLD'
  | 'UNREADABLE'
  | 'CLOSED'
  | 'BROKEN'
  /** The database takes nothing right now: a full disk, an I/O error, a server that is not there. */
  | 'UNAVAILABLE';

/** A failure of the store. Decide by `code`, never by the text. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  /** Field to problem, for `INVALID_CONTROL`. */
  readonly problems: Readonly<Record<string, string>>;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { cause?: unknown; problems?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? {};
  }
}
