/** Answers kept for an Idempotency-Key (contract 5.1): one body, one answer, for 24 hours. */
import { bigintOrNull, numberOf, textOf, textOrNull } from '../store/sql.js';
import type { IdempotencyClaim, KeptAnswer } from '../store/store.js';
import type { LedgerContext } from './context.js';

/** How long an answer is kept. */
export const IDEMPOTENCY_LIFE_MS = 24 * 3_600_000;
/** A request that has not been answered for so long is not running any more: its process died. */
const RUNNING_MAX_MS = 60_000;

/** Claims a key for a request, or says what is known of it. */
export async function claimIdempotencyKey(
  context: LedgerContext,
  owner: string,
  key: string,
  bodyHash: string,
): Promise<IdempotencyClaim> {
  const { nowMs } = context;
  const [row] = await context.sql.query('select-idempotency-key', { owner, key });
  if (row !== undefined) {
    const ageMs = nowMs - numberOf(row, 'claimed_at_ms');
    const status = bigintOrNull(row, 'status');
    const live = ageMs < (status === null ? RUNNING_MAX_MS : IDEMPOTENCY_LIFE_MS);
    if (live && textOf(row, 'body_hash') !== bodyHash) return { state: 'mismatch' };
    if (live && status === null) return { state: 'running' };
    if (live && status !== null) {
      return { state: 'done', answer: { bodyHash, status: Number(status), body: textOrNull(row, 'body') ?? '' } };
    }
  }
  await context.sql.query('claim-idempotency-key', { owner, key, bodyHash, nowMs });
  return { state: 'new' };
}

/** Keeps the answer of a claimed key. */
export async function keepAnswer(
  context: LedgerContext,
  owner: string,
  key: string,
  answer: KeptAnswer,
): Promise<void> {
  await context.sql.query('keep-answer', { owner, key, status: answer.status, body: answer.body });
}

/** Gives a claimed key back: the request failed in a way that is worth another try. */
export async function releaseIdempotencyKey(context: LedgerContext, owner: string, key: string): Promise<void> {
  await context.sql.query('release-idempotency-key', { owner, key });
}
