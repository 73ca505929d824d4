/** Any write under an Idempotency-Key (contract 5.1): the change and its answer are kept in one transaction. */
import type { KeptAnswer } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { claimKeys, type ItemKey, keepAnswers } from './record-once.js';

/** A write that was done, or that was done before under the same key, or whose key belongs to another request. */
export type Answered =
  | { readonly state: 'done' | 'replayed'; readonly answer: KeptAnswer }
  | { readonly state: 'mismatch' };

/** A write that was done. */
export interface Done {
  readonly state: 'done';
  readonly answer: KeptAnswer;
}

/**
 * Does `work` once for each key of the team, for 24 hours. Only what was done is kept: a refusal leaves the key free, so
 * that a corrected request passes under it.
 */
export async function answerOnce<R extends { readonly state: string }>(
  context: LedgerContext,
  teamId: string,
  key: ItemKey | undefined,
  work: () => Promise<Done | R>,
): Promise<Answered | R> {
  if (key === undefined) return work();
  const [claim] = await claimKeys(context, teamId, [key]);
  if (claim?.state === 'mismatch') return { state: 'mismatch' };
  if (claim?.state === 'kept') return { state: 'replayed', answer: claim.answer };
  const result = await work();
  if (isDone(result)) await keepAnswers(context, teamId, [{ ...key, answer: result.answer }]);
  return result;
}

function isDone(result: { readonly state: string }): result is Done {
  return result.state === 'done';
}
