/**
 * The retries of `@google/genai` up to 2.2x, where `apiCall` retries around the global `fetch` inside of one promise: its
 * attempts can neither be counted nor decided from outside. Where a program asks for retries (`retryOptions`; the default
 * is none) they are made here instead, by the rules of the client: the same statuses, the same waiting times, the same errors.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { Runtime } from '../runtime.js';

const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
/** The client's own: five tries, the first one included. */
const ATTEMPTS_DEFAULT = 5;
const FIRST_WAIT_MS = 1_000;

/** Sends once; resolves with whatever answer there is. */
export type SendOnce = () => Promise<Response>;

/**
 * Sends until there is a good answer, an error that is not retried, or no try left.
 *
 * @throws the client's errors, by its rules; a refusal, which is never retried.
 */
export async function sendWithRetries(
  send: SendOnce,
  attempts: number | undefined,
  runtime: Pick<Runtime, 'setTimer'>,
): Promise<Response> {
  const retries = (attempts ?? ATTEMPTS_DEFAULT) - 1;
  const failures: Error[] = [];
  for (let retry = 0; ; retry += 1) {
    const outcome = await tryOnce(send);
    if (!(outcome instanceof Error)) return outcome;
    failures.push(Object.assign(outcome, { attemptNumber: retry + 1, retriesLeft: retries - retry }));
    if (retry >= retries) throw commonest(failures);
    await new Promise<void>((resolve) => {
      runtime.setTimer(resolve, FIRST_WAIT_MS * 2 ** retry, { keepAlive: true });
    });
  }
}

/** A good answer, or the error after which another try follows. */
async function tryOnce(send: SendOnce): Promise<Response | Error> {
  let response: Response;
  try {
    response = await send();
  } catch (error) {
    // The transport's own errors are TypeErrors on Node; what else fails is retried, an abort too.
    if (error instanceof TypeError || !(error instanceof Error) || BudgetExceededError.is(error)) throw error;
    return error;
  }
  if (response.ok) return response;
  if (RETRYABLE.has(response.status)) return new Error(`Retryable HTTP Error: ${response.statusText}`);
  throw new Error(`Non-retryable exception ${response.statusText} sending request`);
}

/** The error that a call fails with when its tries are used up: the one that came most often, of several the latest. */
function commonest(failures: readonly Error[]): Error {
  let best = failures[0]!;
  let bestCount = 0;
  const counts = new Map<string, number>();
  for (const failure of failures) {
    const count = (counts.get(failure.message) ?? 0) + 1;
    counts.set(failure.message, count);
    if (count < bestCount) continue;
    best = failure;
    bestCount = count;
  }
  return best;
}
