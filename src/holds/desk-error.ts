/** Why a desk gave no outcome: whether the operations were done is unknown, unless {@link HoldDeskError.isRefused}. */
export class HoldDeskError extends Error {
  override readonly name = 'HoldDeskError';

  /**
   * @param status - of the answer; `undefined` where none came
   * @param isRefused - the service did not take the operations, and would not take the same ones again
   */
  constructor(
    message: string,
    readonly status?: number,
    readonly isRefused = false,
  ) {
    super(message);
  }
}
