/** Idempotency-Key (contract 5.1): one key, one event, one answer, for 24 hours; all of it in one transaction. */
import { bigintOrNull, numberOf, type SqlParams, textOf, textOrNull } from '../store/sql.js';
import type { KeptAnswer } from '../store/store.js';
import type { LedgerContext } from './context.js';

/** How long an answer is kept. */
export const IDEMPOTENCY_LIFE_MS = 24 * 3_600_000;

/** A key that a request came under. `bodyHash` names the request: operation and body as they came. */
export interface ItemKey {
  readonly key: string;
  readonly bodyHash: string;
}

/**
 * What a key says about its request. `fresh`: record it (also where there is no key). `kept`: it was answered before.
 * `mismatch`: the key belongs to another request. `follows`: the item at `leader` of the same call has the same key and
 * the same request: its answer is the answer.
 */
export type Claim =
  | { readonly state: 'fresh' }
  | { readonly state: 'kept'; readonly answer: KeptAnswer }
  | { readonly state: 'mismatch' }
  | { readonly state: 'follows'; readonly leader: number };

const FRESH: Claim = { state: 'fresh' };
const MISMATCH: Claim = { state: 'mismatch' };

/** Looks the keys of a call up, in one round trip. Keys of two teams never meet. */
export async function claimKeys(
  context: LedgerContext,
  teamId: string,
  keys: readonly (ItemKey | undefined)[],
): Promise<readonly Claim[]> {
  const names = new Set<string>();
  for (const asked of keys) if (asked !== undefined) names.add(asked.key);
  if (names.size === 0) return keys.map(() => FRESH);
  const kept = await keptUnder(context, teamId, names);
  const leaders = new Map<string, number>();
  return keys.map((asked, position): Claim => {
    if (asked === undefined) return FRESH;
    const known = kept.get(asked.key);
    if (known !== undefined) return known.bodyHash === asked.bodyHash ? known.claim : MISMATCH;
    const leader = leaders.get(asked.key);
    if (leader === undefined) {
      leaders.set(asked.key, position);
      return FRESH;
    }
    return keys[leader]?.bodyHash === asked.bodyHash ? { state: 'follows', leader } : MISMATCH;
  });
}

async function keptUnder(
  context: LedgerContext,
  teamId: string,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, { bodyHash: string; claim: Claim }>> {
  const kept = new Map<string, { bodyHash: string; claim: Claim }>();
  const sets = [...names].map((key) => ({ owner: teamId, key }));
  for (const row of await context.sql.many('select-idempotency-key', sets)) {
    const status = bigintOrNull(row, 'status');
    const live = context.nowMs - numberOf(row, 'claimed_at_ms') < IDEMPOTENCY_LIFE_MS;
    if (status === null || !live) continue;
    const answer = { status: Number(status), body: textOrNull(row, 'body') ?? '' };
    kept.set(textOf(row, 'key'), { bodyHash: textOf(row, 'body_hash'), claim: { state: 'kept', answer } });
  }
  return kept;
}

/** Keeps answers under their keys, in one round trip. Each key at most once. */
export async function keepAnswers(
  context: LedgerContext,
  teamId: string,
  answers: readonly (ItemKey & { readonly answer: KeptAnswer })[],
): Promise<void> {
  const { nowMs } = context;
  const sets = answers.map(
    ({ key, bodyHash, answer }): SqlParams => ({ owner: teamId, key, bodyHash, nowMs, ...answer }),
  );
  await context.sql.many('keep-answer', sets);
}
