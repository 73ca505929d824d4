/** Tries again within one refresh: the rules of contract 2.7. */
import type { FeedAnswer } from './request-feed.js';

/** Requests in one refresh, the first included. */
export const ATTEMPTS_MAX = 5;
/** The own back-off: doubling from the first to the last. Milliseconds. */
const BACK_OFF_FIRST_MS = 500;
const BACK_OFF_MAX_MS = 8_000;
/** All waits that the service asked for, together, in one refresh. */
export const RETRY_AFTER_BUDGET_MS = 20_000;
/** A longer `Retry-After` is honoured up to here. */
export const COOL_DOWN_MAX_MS = 300_000;

/** The last answer, and for how long the service is to be left alone. */
export interface RetriedAnswer {
  readonly answer: FeedAnswer;
  /** Milliseconds from now; set when the service asked for more patience than one refresh has. */
  readonly coolDownMs?: number;
}

/**
 * Asks until there is an answer that trying again does not change, or the attempts or the patience are used up.
 *
 * A `Retry-After` that fits what is left of the budget is waited in full and taken from it. One that does not fit ends
 * the refresh at once, with a cool-down. Own back-off does not use up the budget.
 *
 * `pause` waits, and says whether to go on: `false` when the poller stops.
 */
export async function requestWithRetry(
  ask: () => Promise<FeedAnswer>,
  pause: (delayMs: number) => Promise<boolean>,
): Promise<RetriedAnswer> {
  let budgetMs = RETRY_AFTER_BUDGET_MS;
  let backOffMs = BACK_OFF_FIRST_MS;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask();
    if (answer.kind !== 'retryable') return { answer };
    const { afterMs } = answer;
    if (afterMs !== undefined && afterMs > budgetMs) {
      return { answer, coolDownMs: Math.min(afterMs, COOL_DOWN_MAX_MS) };
    }
    if (attempt === ATTEMPTS_MAX) return { answer };
    if (afterMs !== undefined) budgetMs -= afterMs;
    if (!(await pause(afterMs ?? backOffMs))) return { answer };
    backOffMs = Math.min(backOffMs * 2, BACK_OFF_MAX_MS);
  }
}
