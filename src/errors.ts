/** Errors of the SDK itself. `BudgetExceededError` is not one of them: see enforcement/budget-exceeded-error.ts. */

const BRAND = Symbol.for('fusewire.FusewireError');

/** Every code that a {@link FusewireError} can carry. */
export type FusewireErrorCode =
  /** Options given in code are wrong; the message lists every problem. */
  | 'INVALID_OPTIONS'
  /** An event given to `meter` is wrong; the message lists every problem. */
  | 'INVALID_EVENT'
  /** `guard` was given something that no provider adapter recognises. */
  | 'UNKNOWN_CLIENT'
  /** A definition given to `defineProvider` is wrong; the message lists every problem. */
  | 'INVALID_PROVIDER';

/** A mistake in how the SDK is used. Thrown where the mistake is made, never from a call to a provider (I2). */
export class FusewireError extends Error {
  override readonly name = 'FusewireError';
  readonly code: FusewireErrorCode;
  /** Each problem on its own. */
  readonly problems: readonly string[];

  constructor(code: FusewireErrorCode, problems: readonly string[], options?: { cause?: unknown }) {
    super(problems.join('; '), options);
    this.code = code;
    this.problems = problems;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Whether `error` is a `FusewireError` of any copy of this package. */
  static is(error: unknown): error is FusewireError {
    return typeof error === 'object' && error !== null && Reflect.get(error, BRAND) === true;
  }
}
