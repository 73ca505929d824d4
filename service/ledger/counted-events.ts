/** The events of a team as controls see them, in pages, so that no window is ever in memory as a whole. */
import { numberOf, textOf } from '../store/sql.js';
import type { LedgerContext } from './context.js';
import { type CountedEvent, countedFromRow } from './counted-event.js';

const PAGE_SIZE = 2_000;

/** Every event that is counted at `fromMs` or later, in the order of that time. */
export async function* countedEvents(
  context: LedgerContext,
  teamId: string,
  fromMs: number,
): AsyncGenerator<CountedEvent, void, undefined> {
  let afterMs = fromMs;
  let afterId = '';
  for (;;) {
    const rows = await context.sql.query('select-counted-events', { teamId, afterMs, afterId, size: PAGE_SIZE });
    for (const row of rows) yield countedFromRow(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_SIZE) return;
    afterMs = numberOf(last, 'window_time_ms');
    afterId = textOf(last, 'id');
  }
}
