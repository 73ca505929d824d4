/** Idempotency-Key (contract 5.1): one key, one event, one answer, for 24 hours; all of it in one transaction. */
import { bigintOrNull, numberOf, textOf, textOrNull } from '../store/sql.js';
import type { OnceResult } from '../store/store.js';
import { type LedgerContext, readTeamState } from './context.js';
import type { EventFacts } from './event-facts.js';
import { receiptAnswer } from './receipt.js';
import { recordEvents } from './record-events.js';

/** How long an answer is kept. */
export const IDEMPOTENCY_LIFE_MS = 24 * 3_600_000;

/** An event under a key, prepared outside the transaction. */
export interface KeyedFacts {
  readonly key: string;
  readonly bodyHash: string;
  readonly facts: EventFacts;
}

/**
 * Records the event and keeps its answer under the key, or gives the answer that is kept. Keys of two teams never meet.
 * @throws StoreError `UNKNOWN_TEAM`
 */
export async function recordOnce(context: LedgerContext, teamId: string, keyed: KeyedFacts): Promise<OnceResult> {
  const { key, bodyHash, facts } = keyed;
  const [kept] = await context.sql.query('select-idempotency-key', { owner: teamId, key });
  const status = kept === undefined ? null : bigintOrNull(kept, 'status');
  if (kept !== undefined && status !== null) {
    const live = context.nowMs - numberOf(kept, 'claimed_at_ms') < IDEMPOTENCY_LIFE_MS;
    if (live && textOf(kept, 'body_hash') !== bodyHash) return { state: 'mismatch' };
    if (live) {
      const { revision } = await readTeamState(context, teamId);
      return { state: 'replayed', answer: { status: Number(status), body: textOrNull(kept, 'body') ?? '' }, revision };
    }
  }
  const [result] = await recordEvents(context, teamId, [facts]);
  if (result === undefined) throw new Error('an event was recorded without a result');
  const answer = receiptAnswer(result);
  const { nowMs } = context;
  await context.sql.query('keep-answer', { owner: teamId, key, bodyHash, nowMs, ...answer });
  return { state: 'recorded', answer, result };
}
