/**
 * Events priced again: a new price entry each, never an edit, and balances moved by the difference in the same
 * transaction (I6). Verdicts follow: a limit that an unknown price had reached is open again.
 */
import type { TeamScope } from '../compile/team-scope.js';
import type { PriceBook } from '../pricing/price-book.js';
import type { EventPrice } from '../pricing/price-event.js';
import { priceFacts } from '../pricing/price-facts.js';
import { bigintOf, numberOf, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { RepriceRun } from '../store/store.js';
import { type BalanceKey, ENTRIES_MAX } from './balance-book.js';
import { balanceKeysOf, countEvent } from './balances.js';
import { keepCatalogueUses } from './catalogue-uses.js';
import { type LedgerContext, moveRevision, readTeamState } from './context.js';
import { type CountedEvent, countedFromFacts, placementsOf } from './counted-event.js';
import { eventFactsOf } from './event-facts.js';
import { type FillCursors, isAhead, NO_FILLS, readFills } from './fill-cursors.js';
import type { EventKind } from './media-facts.js';
import { openRuns, putRun } from './reprice-runs.js';
import { readPriceBook, readTeamScope } from './team-copies.js';

/** Events that one transaction prices again: each is read whole, so they are fewer than those of a fill. */
const SLICE_MAX = 500;

/** An event with the price that it has and the one that it gets. */
interface Repriced {
  readonly transactionId: string;
  readonly before: CountedEvent;
  readonly after: CountedEvent;
  readonly price: EventPrice;
  readonly version: number;
}

interface Repricing {
  readonly context: LedgerContext;
  readonly teamId: string;
  readonly scope: TeamScope;
  readonly book: PriceBook;
  readonly fills: FillCursors;
}

/** Does a slice of the team's oldest pass. Resolves to whether there is more to do. @throws StoreError `UNKNOWN_TEAM` */
export async function repriceNext(context: LedgerContext, teamId: string): Promise<boolean> {
  const state = await readTeamState(context, teamId);
  const runs = await openRuns(context, teamId);
  const [run] = runs;
  if (run === undefined) return false;
  const scope = await readTeamScope(context, teamId, state.controlsVersion);
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  const next = await repriceSlice({ context, teamId, scope, book, fills }, run);
  await keepCatalogueUses(context, teamId, book);
  await putRun(context, next);
  return next.finishedAtMs === null || runs.length > 1;
}

async function repriceSlice(repricing: Repricing, run: RepriceRun): Promise<RepriceRun> {
  const { context, teamId } = repricing;
  const size = Math.min(context.fillSlice, SLICE_MAX);
  const { afterMs, afterId, untilMs } = run;
  const statement = run.scope === 'all' ? 'select-priced-events' : 'select-unpriced-events';
  const rows = await context.sql.query(statement, { teamId, afterMs, afterId, untilMs, size });
  const repriced = rows.flatMap((row) => repriceRow(repricing, row) ?? []);
  await insertEntries(context, repriced, `repriced: ${run.reason}`);
  if (await recount(repricing, repriced)) await moveRevision(context, teamId);
  const moved = repriced.reduce((sum, { before, after }) => sum + after.amountNanoUsd - before.amountNanoUsd, 0n);
  const last = rows.at(-1);
  const was = rows.filter((row) => textOf(row, 'price_state') === 'unknown').length;
  const solved = repriced.filter(({ before, after }) => before.priceUnknown && !after.priceUnknown).length;
  return {
    ...run,
    ...(last === undefined ? {} : { afterMs: numberOf(last, 'window_time_ms'), afterId: textOf(last, 'id') }),
    examined: run.examined + rows.length,
    repriced: run.repriced + repriced.length,
    unknown: run.unknown + was - solved,
    movedNanoUsd: run.movedNanoUsd + moved,
    finishedAtMs: rows.length < size ? context.nowMs : null,
  };
}

/** `undefined` where nothing changes. What was known is not forgotten, though its price be gone (I5). */
function repriceRow({ book }: Repricing, row: SqlRow): Repriced | undefined {
  const transactionId = textOf(row, 'transaction_id');
  const windowTimeMs = numberOf(row, 'window_time_ms');
  const facts = eventFactsOf({
    transactionId,
    receivedAtMs: numberOf(row, 'received_at_ms'),
    kind: textOf(row, 'kind') as EventKind,
    body: JSON.parse(textOf(row, 'body')) as Record<string, unknown>,
  });
  const price = priceFacts(book, facts, windowTimeMs);
  const amountNanoUsd = bigintOf(row, 'amount_nano_usd');
  const state = textOf(row, 'price_state') as EventPrice['state'];
  if (price.state === 'unknown' || (price.state === state && price.amountNanoUsd === amountNanoUsd)) return undefined;
  const group =
    textOrNull(row, 'alias') ?? textOrNull(row, 'subscriber_id') ?? textOrNull(row, 'alias_key') ?? undefined;
  const placements = placementsOf(textOrNull(row, 'placements'));
  const after = { ...countedFromFacts(textOf(row, 'id'), facts, windowTimeMs, price, group), placements };
  const before = { ...after, amountNanoUsd, priceUnknown: state === 'unknown' };
  return { transactionId, before, after, price, version: numberOf(row, 'version') + 1 };
}

async function insertEntries(context: LedgerContext, events: readonly Repriced[], reason: string): Promise<void> {
  const sets = events.map(
    ({ after, price, version }): SqlParams => ({
      eventId: after.id,
      version,
      amountNanoUsd: price.amountNanoUsd,
      priceState: price.state,
      reason,
      rateSource: price.rateSource,
      createdAtMs: context.nowMs,
    }),
  );
  if (sets.length > 0) await context.sql.many('insert-price-entry', sets);
}

/** Moves what counted the events. A fill that is behind will meet them with their new price. */
async function recount({ context, scope, fills }: Repricing, events: readonly Repriced[]): Promise<boolean> {
  const moves = events.flatMap(({ transactionId, before, after }) =>
    scope
      .touchedBy(after)
      .filter(({ control }) => !isAhead(after, fills.get(control.id)))
      .map((compiled) => ({ compiled, transactionId, before, after })),
  );
  const keys: BalanceKey[] = [];
  for (const { compiled, after } of moves) {
    // What does not fit is read one by one.
    if (keys.length >= ENTRIES_MAX / 2) break;
    for (const key of balanceKeysOf(context, compiled, after)) keys.push(key);
  }
  await context.balances.load(keys);
  let changed = false;
  for (const { compiled, transactionId, before, after } of moves) {
    if (await countEvent(context, compiled, after, transactionId, before)) changed = true;
  }
  return changed;
}
