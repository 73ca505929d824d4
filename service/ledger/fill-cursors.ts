/** How far controls that are being filled have come, in the order in which a fill meets events: by time, then by id. */
import { numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { LedgerContext } from './context.js';

/** The last event that a fill has met. */
export interface FillCursor {
  readonly afterMs: number;
  readonly afterId: string;
}

/** Control id to cursor; a control that is not in it has met everything. */
export type FillCursors = ReadonlyMap<string, FillCursor>;

/** Nobody is being filled. */
export const NO_FILLS: FillCursors = new Map();

/** The cursors of a team. */
export async function readFills(context: LedgerContext, teamId: string): Promise<FillCursors> {
  const rows = await context.sql.query('select-fills', { teamId });
  return new Map(rows.map((row) => [textOf(row, 'control_id'), cursorOf(row)]));
}

/** Reads a cursor. */
export function cursorOf(row: SqlRow): FillCursor {
  return { afterMs: numberOf(row, 'after_ms'), afterId: textOf(row, 'after_id') };
}

/**
 * Whether a fill has still to meet an event. It is counted by whoever records it where not, by the fill where so: once
 * in either case, whatever its time, since both happen in transactions that exclude each other.
 */
export function isAhead(
  event: { readonly windowTimeMs: number; readonly id: string },
  cursor: FillCursor | undefined,
): boolean {
  if (cursor === undefined) return false;
  if (event.windowTimeMs !== cursor.afterMs) return event.windowTimeMs > cursor.afterMs;
  // Ids are ASCII: they compare here as in the database.
  return event.id > cursor.afterId;
}
