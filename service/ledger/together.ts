/** Steps of one transaction that do not need each other's results: their statements travel together. */

/**
 * The results of the steps. Where one fails, the others are waited for before it is told: nothing of an operation may
 * still be under way when its transaction is rolled back. Steps send their first statements in the order given.
 *
 * @throws the failure of the first step that failed
 */
export async function together<T extends readonly unknown[]>(
  steps: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const settled = await Promise.allSettled(steps);
  return settled.map((step) => {
    if (step.status === 'rejected') throw step.reason;
    return step.value;
  }) as unknown as T;
}
