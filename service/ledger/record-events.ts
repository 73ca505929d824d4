/** Events into the ledger, each transaction id once (I4): what is there already moves nothing. */
import { numberOf, type SqlParams, textOf } from '../store/sql.js';
import type { RecordResult } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { aliasKeyOf } from './counted-event.js';
import type { EventFacts } from './event-facts.js';
import { mediaCountsOf } from './media-facts.js';
import { windowTimeOf } from './windows.js';

/** An event that was not there before. */
export interface StoredFacts {
  readonly id: string;
  readonly facts: EventFacts;
  readonly windowTimeMs: number;
}

/** What became of an event; the revision is not known yet. */
export type EventOutcome = Omit<RecordResult, 'revision'>;

/** What the events of one call came to: an outcome for each, in their order, and those that are new, in their order. */
export interface InsertedEvents {
  readonly outcomes: readonly EventOutcome[];
  readonly stored: readonly StoredFacts[];
}

/** The event that has a transaction id. */
interface Holder {
  readonly id: string;
  readonly bodyHash: string;
  readonly createdAtMs: number;
}

/**
 * Inserts events of one team. The same transaction id with the same body is a duplicate; with another body it is kept
 * aside as a conflict. That holds within the call too: the first one counts.
 */
export async function insertEvents(
  context: LedgerContext,
  teamId: string,
  events: readonly EventFacts[],
  takenAt: (facts: EventFacts) => number | undefined = () => undefined,
): Promise<InsertedEvents> {
  const first = new Map<string, StoredFacts & { readonly position: number }>();
  const sets: SqlParams[] = [];
  for (const [position, facts] of events.entries()) {
    if (first.has(facts.transactionId)) continue;
    const natural = windowTimeOf(facts.requestTimeMs, facts.receivedAtMs);
    const { flagged } = natural;
    // A call begins after its hold was taken, whatever the clock of its caller says.
    const windowTimeMs = Math.max(natural.windowTimeMs, takenAt(facts) ?? 0);
    const id = context.newId();
    first.set(facts.transactionId, { id, facts, windowTimeMs, position });
    sets.push(eventParams(teamId, id, facts, windowTimeMs, flagged));
  }
  const inserted = new Set((await context.sql.many('insert-event', sets)).map((row) => textOf(row, 'id')));
  const stored = [...first.values()].filter(({ id }) => inserted.has(id));
  const holders = await findHolders(
    context,
    teamId,
    [...first.values()].filter(({ id }) => !inserted.has(id)),
  );
  for (const { id, facts } of stored) holders.set(facts.transactionId, holderOf(id, facts));
  const conflicts: Conflict[] = [];
  const outcomes = events.map((facts, position): EventOutcome => {
    const { transactionId } = facts;
    const holder = holders.get(transactionId);
    if (holder === undefined) throw new Error('an event is taken and not there');
    const { id, createdAtMs } = holder;
    const leads = first.get(transactionId)?.position === position;
    if (leads && inserted.has(id)) return { id, transactionId, outcome: 'stored', createdAtMs };
    if (holder.bodyHash === facts.bodyHash) return { id, transactionId, outcome: 'duplicate', createdAtMs };
    conflicts.push({ eventId: id, facts });
    return { id, transactionId, outcome: 'conflict', createdAtMs };
  });
  await keepConflicts(context, teamId, conflicts);
  return { outcomes, stored };
}

async function findHolders(
  context: LedgerContext,
  teamId: string,
  taken: readonly StoredFacts[],
): Promise<Map<string, Holder>> {
  const asked = taken.map(({ facts: { transactionId } }) => ({ teamId, transactionId }));
  const rows = await context.sql.many('select-event-by-transaction', asked);
  return new Map(
    rows.map((row) => [
      textOf(row, 'transaction_id'),
      { id: textOf(row, 'id'), bodyHash: textOf(row, 'body_hash'), createdAtMs: numberOf(row, 'received_at_ms') },
    ]),
  );
}

function holderOf(id: string, { bodyHash, receivedAtMs }: EventFacts): Holder {
  return { id, bodyHash, createdAtMs: receivedAtMs };
}

interface Conflict {
  readonly eventId: string;
  readonly facts: EventFacts;
}

/** Each body once, with the number of times that it came: a row cannot be met twice by one statement. */
async function keepConflicts(context: LedgerContext, teamId: string, conflicts: readonly Conflict[]): Promise<void> {
  const [one] = conflicts;
  if (one === undefined) return;
  const kept = new Map<string, { times: number; readonly params: SqlParams }>();
  for (const { eventId, facts } of conflicts) {
    const { transactionId, bodyHash, bodyText: body, receivedAtMs } = facts;
    const name = `${eventId}\n${bodyHash}`;
    const known = kept.get(name);
    if (known !== undefined) known.times += 1;
    else {
      const params = { id: context.newId(), teamId, eventId, transactionId, bodyHash, body, receivedAtMs };
      kept.set(name, { times: 1, params });
    }
  }
  const sets = [...kept.values()].map(({ times, params }) => ({ ...params, times }));
  await context.sql.many('insert-conflict', sets);
  context.log.warn('two different events came under one transaction id; the first counts, the other is kept aside', {
    transactionId: one.facts.transactionId,
    events: conflicts.length,
  });
}

/** The row of an event, by the names of `insert-event`. One literal: there are thousands of them a second. */
export function eventParams(
  teamId: string,
  id: string,
  facts: EventFacts,
  windowTimeMs: number,
  windowFlagged: boolean,
): SqlParams {
  const made = mediaCountsOf(facts.kind, facts.media, facts.failed);
  return {
    id,
    teamId,
    transactionId: facts.transactionId,
    bodyHash: facts.bodyHash,
    body: facts.bodyText,
    receivedAtMs: facts.receivedAtMs,
    windowTimeMs,
    windowFlagged,
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
    departmentLine: facts.departmentLine ?? null,
    holdId: facts.holdId ?? null,
    kind: facts.kind,
    imageCount: made.imageCount,
    videoCount: made.videoCount,
    audioCount: made.audioCount,
    characterCount: made.characterCount,
    creditsNano: made.creditsNano,
    durationMs: facts.media?.durationMs ?? null,
    agenticJobId: facts.job?.agenticJobId ?? null,
    traceId: facts.traceId ?? null,
  };
}
