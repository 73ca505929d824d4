/** Station 7: an event into the ledger, once, with everything that follows from it. */
import type { TeamScope } from '../compile/team-scope.js';
import type { PriceBook } from '../pricing/price-book.js';
import type { EventPrice } from '../pricing/price-event.js';
import { priceEvent } from '../pricing/price-event.js';
import { numberOf, textOf } from '../store/sql.js';
import type { RecordResult } from '../store/store.js';
import { countEvent } from './balances.js';
import { type LedgerContext, moveRevision, readTeamState } from './context.js';
import { aliasKeyOf, countedFromFacts } from './counted-event.js';
import type { EventFacts } from './event-facts.js';
import { type FillCursors, isAhead, NO_FILLS, readFills } from './fill-cursors.js';
import { subscriberGroupOf } from './subscribers.js';
import { readPriceBook, readTeamScope } from './team-copies.js';
import { windowTimeOf } from './windows.js';

interface Recording {
  readonly context: LedgerContext;
  readonly teamId: string;
  readonly scope: TeamScope;
  readonly book: PriceBook;
  readonly fills: FillCursors;
}

/**
 * Records events of one team in the open transaction: event in, price entry in, balances moved, verdicts flipped,
 * revision moved. The same transaction id with the same body is a duplicate and moves nothing; with another body it is
 * kept aside as a conflict (I4). @throws StoreError `UNKNOWN_TEAM`
 */
export async function recordEvents(
  context: LedgerContext,
  teamId: string,
  events: readonly EventFacts[],
): Promise<readonly RecordResult[]> {
  const state = await readTeamState(context, teamId);
  const scope = await readTeamScope(context, teamId, state.controlsVersion);
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  const recording: Recording = { context, teamId, scope, book, fills };
  const outcomes: Omit<RecordResult, 'revision'>[] = [];
  let flipped = false;
  for (const facts of events) {
    const { outcome, changed } = await recordEvent(recording, facts);
    outcomes.push(outcome);
    flipped ||= changed;
  }
  if (flipped) await moveRevision(context, teamId);
  const revision = context.effects.moved.get(teamId) ?? state.revision;
  return outcomes.map((outcome) => ({ ...outcome, revision }));
}

async function recordEvent(
  recording: Recording,
  facts: EventFacts,
): Promise<{ outcome: Omit<RecordResult, 'revision'>; changed: boolean }> {
  const { context, teamId, scope, book } = recording;
  const { windowTimeMs, flagged } = windowTimeOf(facts.requestTimeMs, facts.receivedAtMs);
  const id = context.newId();
  if (!(await insertEvent(context, teamId, id, facts, windowTimeMs, flagged))) {
    return { outcome: await meetStored(context, teamId, facts), changed: false };
  }
  const price = priceEvent(facts, (model) => book.find(facts.provider, facts.modelSource, model, windowTimeMs));
  await insertPrice(context, id, price);
  const group = await subscriberGroupOf(context, teamId, scope, facts);
  const counted = countedFromFacts(id, facts, windowTimeMs, price, group);
  let changed = false;
  for (const compiled of scope.touchedBy(counted)) {
    // The fill of this control will meet the event.
    if (isAhead(counted, recording.fills.get(compiled.control.id))) continue;
    if (await countEvent(context, compiled, counted, facts.transactionId)) changed = true;
  }
  const { transactionId, receivedAtMs } = facts;
  return { outcome: { id, transactionId, outcome: 'stored', createdAtMs: receivedAtMs }, changed };
}

/** `false` where the transaction id is taken. */
async function insertEvent(
  context: LedgerContext,
  teamId: string,
  id: string,
  facts: EventFacts,
  windowTimeMs: number,
  flagged: boolean,
): Promise<boolean> {
  const rows = await context.sql.query('insert-event', {
    id,
    teamId,
    transactionId: facts.transactionId,
    bodyHash: facts.bodyHash,
    body: facts.bodyText,
    receivedAtMs: facts.receivedAtMs,
    windowTimeMs,
    windowFlagged: flagged,
    usageState: facts.usageState,
    model: facts.model,
    requestedModel: facts.requestedModel ?? null,
    provider: facts.provider,
    subscriberId: facts.subscriberId ?? null,
    subscriberEmail: facts.subscriberEmail ?? null,
    aliasKey: aliasKeyOf(facts) ?? null,
    organization: facts.organization ?? null,
    product: facts.product ?? null,
    credential: facts.credential ?? null,
    credentialName: facts.credentialName ?? null,
    agent: facts.agent ?? null,
    taskType: facts.taskType ?? null,
    inputTokens: facts.inputTokens,
    outputTokens: facts.outputTokens,
    totalTokens: facts.totalTokens,
    cachedTokens: facts.cacheReadTokens + facts.cacheWriteTokens,
    failed: facts.failed,
  });
  return rows.length > 0;
}

async function insertPrice(context: LedgerContext, eventId: string, price: EventPrice): Promise<void> {
  await context.sql.query('insert-price-entry', {
    eventId,
    version: 1,
    amountNanoUsd: price.amountNanoUsd,
    priceState: price.state,
    reason: 'recorded',
    rateSource: price.rateSource,
    createdAtMs: context.nowMs,
  });
}

/** The transaction id is taken: a replay, or another event under the same id. Neither moves a balance. */
async function meetStored(
  context: LedgerContext,
  teamId: string,
  facts: EventFacts,
): Promise<Omit<RecordResult, 'revision'>> {
  const { transactionId } = facts;
  const [stored] = await context.sql.query('select-event-by-transaction', { teamId, transactionId });
  if (stored === undefined) throw new Error('an event is taken and not there');
  const id = textOf(stored, 'id');
  const createdAtMs = numberOf(stored, 'received_at_ms');
  if (textOf(stored, 'body_hash') === facts.bodyHash) return { id, transactionId, outcome: 'duplicate', createdAtMs };
  await context.sql.query('insert-conflict', {
    id: context.newId(),
    teamId,
    eventId: id,
    transactionId,
    bodyHash: facts.bodyHash,
    body: facts.bodyText,
    receivedAtMs: facts.receivedAtMs,
  });
  context.log.warn('two different events came under one transaction id; the first counts, the other is kept aside', {
    transactionId,
  });
  return { id, transactionId, outcome: 'conflict', createdAtMs };
}
