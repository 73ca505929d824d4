/**
 * What an operation changed in the feed, written in its transaction, so that any process can ask "what since revision N"
 * and read just that again. Whoever moves a team's revision without a note has everything read again: slow, never wrong.
 */
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { numberOf, type SqlParams, textOf } from '../store/sql.js';

/** In place of a group: the whole control was made, changed, deleted, or turned its window. */
export const WHOLE_CONTROL = '*';
/** In place of a control: something of the team itself, as its bypass. With a group: that subscriber's names. */
export const TEAM = '';

/** Rows are kept this long; whoever was away for longer reads the whole. */
export const CHANGES_KEPT_MS = 600_000;
/** Rows that one transaction purges. */
const PURGE_SIZE = 1_000;

/**
 * Notes a change in the rule of a control (`groupKey` ''), in one of its groups, or in all of it ({@link WHOLE_CONTROL}).
 * With {@link TEAM} as the control: in what the team shows beside its rules ('') or in the names of a subscriber.
 */
export function noteFeedChange(context: LedgerContext, teamId: string, controlId: string, groupKey: string): void {
  const { feedChanges } = context.effects;
  let changes = feedChanges.get(teamId);
  if (changes === undefined) {
    changes = new Set();
    feedChanges.set(teamId, changes);
  }
  // No control id holds a line break.
  if (!changes.has(`${controlId}\n${WHOLE_CONTROL}`)) changes.add(`${controlId}\n${groupKey}`);
}

/** Writes the notes of an operation, at its end. */
export async function writeFeedChanges(context: LedgerContext): Promise<void> {
  const { feedChanges, moved } = context.effects;
  for (const teamId of moved.keys()) {
    if (!feedChanges.has(teamId)) noteFeedChange(context, teamId, TEAM, WHOLE_CONTROL);
  }
  const sets: SqlParams[] = [];
  for (const [teamId, changes] of feedChanges) {
    const revision = moved.get(teamId) ?? (await readTeamState(context, teamId)).revision;
    for (const change of changes) {
      const at = change.indexOf('\n');
      const names = { controlId: change.slice(0, at), groupKey: change.slice(at + 1) };
      sets.push({ teamId, revision, ...names, atMs: context.nowMs });
    }
  }
  if (sets.length > 0) await context.sql.many('insert-feed-change', sets);
}

/** Purges changes that nobody needs any more, a bounded number. Returns whether there may be more. */
export async function purgeFeedChanges(context: LedgerContext): Promise<boolean> {
  const beforeMs = context.nowMs - CHANGES_KEPT_MS;
  const gone = await context.sql.query('purge-feed-changes', { beforeMs, size: PURGE_SIZE });
  const horizons = new Map<string, number>();
  for (const row of gone) {
    const teamId = textOf(row, 'team_id');
    horizons.set(teamId, Math.max(numberOf(row, 'revision'), horizons.get(teamId) ?? 0));
  }
  for (const [teamId, revision] of horizons) await context.sql.query('put-feed-horizon', { teamId, revision });
  return gone.length >= PURGE_SIZE;
}
