/** Station 7: events into the ledger, each once, with everything that follows from them. */
import type { EventPrice } from '../pricing/price-event.js';
import { priceFacts } from '../pricing/price-facts.js';
import type { KeptAnswer, RecordResult } from '../store/store.js';
import { keepCatalogueUses } from './catalogue-uses.js';
import { type LedgerContext, moveRevision, readTeamState, type TeamState } from './context.js';
import { countEvents, type PricedFacts } from './count-events.js';
import { withDepartments } from './directory.js';
import type { EventFacts } from './event-facts.js';
import { NO_FILLS, readFills } from './fill-cursors.js';
import { loadNamedHolds } from './holds/settle.js';
import { noteJobs } from './job-notes.js';
import { receiptAnswer } from './receipt.js';
import { type EventOutcome, insertEvents } from './record-events.js';
import { claimKeys, type ItemKey, keepAnswers } from './record-once.js';
import { readPriceBook, readTeamScope } from './team-copies.js';
import { together } from './together.js';

/** An event to record, prepared outside the transaction. */
export interface RecordItem {
  readonly facts: EventFacts;
  readonly key?: ItemKey | undefined;
}

/** What became of it. `replayed`: its key was answered before. `mismatch`: its key is another request's; not recorded. */
export type RecordedItem =
  | { readonly state: 'recorded'; readonly result: RecordResult }
  | { readonly state: 'replayed'; readonly answer: KeptAnswer; readonly revision: number }
  | { readonly state: 'mismatch' };

/**
 * Records events of one team in the open transaction: event in, price entry in, balances moved, verdicts flipped,
 * revision moved, answers kept under their keys. An outcome for each, in their order; what is wrong with one is its own
 * outcome. The same transaction id with the same body is a duplicate and moves nothing; with another body it is kept
 * aside as a conflict (I4). The number of round trips does not depend on the number of events.
 *
 * @throws StoreError `UNKNOWN_TEAM`
 */
export async function record(
  context: LedgerContext,
  teamId: string,
  items: readonly RecordItem[],
): Promise<readonly RecordedItem[]> {
  const asked = items.map(({ key }) => key);
  const [state, claims] = await together([readTeamState(context, teamId), claimKeys(context, teamId, asked)]);
  const fresh = items.filter((_, i) => claims[i]?.state === 'fresh');
  const outcomes = await recordFresh(context, teamId, state, fresh);
  const revision = context.effects.moved.get(teamId) ?? state.revision;
  let next = 0;
  const results = claims.map((claim): RecordResult | undefined => {
    if (claim.state !== 'fresh') return undefined;
    next += 1;
    return { ...outcomes[next - 1]!, revision };
  });
  return claims.map((claim, i): RecordedItem => {
    if (claim.state === 'mismatch') return { state: 'mismatch' };
    if (claim.state === 'kept') return { state: 'replayed', answer: claim.answer, revision };
    if (claim.state === 'fresh') return { state: 'recorded', result: results[i]! };
    return { state: 'replayed', answer: receiptAnswer(results[claim.leader]!), revision };
  });
}

/** Records items whose keys are theirs. */
async function recordFresh(
  context: LedgerContext,
  teamId: string,
  state: TeamState,
  items: readonly RecordItem[],
): Promise<readonly EventOutcome[]> {
  if (items.length === 0) return [];
  const scope = await readTeamScope(context, teamId, state.controlsVersion);
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  const events = items.map(({ facts }) => facts);
  const placed = await withDepartments(context, teamId, state.directoryVersion, events);
  const holds = await loadNamedHolds(context, teamId, items);
  const takenAt = ({ holdId }: EventFacts) => (holdId === undefined ? undefined : holds?.get(holdId)?.takenAtMs);
  const { outcomes, stored } = await insertEvents(context, teamId, placed, takenAt);
  const answers = items.flatMap(({ key }, i) =>
    key === undefined ? [] : [{ ...key, answer: receiptAnswer(outcomes[i]!) }],
  );
  const priced = stored.map((event): PricedFacts => {
    return { ...event, price: priceFacts(book, event.facts, event.windowTimeMs) };
  });
  const [, , , , flipped] = await together([
    insertPrices(context, priced),
    keepAnswers(context, teamId, answers),
    keepCatalogueUses(context, teamId, book),
    noteJobs(context, teamId, stored),
    countEvents(context, { teamId, scope, fills, holds }, priced),
  ]);
  if (flipped) await moveRevision(context, teamId);
  return outcomes;
}

async function insertPrices(
  context: LedgerContext,
  events: readonly { readonly id: string; readonly price: EventPrice }[],
): Promise<void> {
  const sets = events.map(({ id, price }) => ({
    eventId: id,
    version: 1,
    amountNanoUsd: price.amountNanoUsd,
    priceState: price.state,
    reason: 'recorded',
    rateSource: price.rateSource,
    createdAtMs: context.nowMs,
  }));
  await context.sql.many('insert-price-entry', sets);
}
