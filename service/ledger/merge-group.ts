/** Two groups that turn out to be one person. */
import { type CompiledControl, verdictOf } from '../compile/compiled-control.js';
import { numberOf } from '../store/sql.js';
import { announce, balanceOf, moveBalance } from './balances.js';
import { type LedgerContext, moveRevision } from './context.js';
import { windowOf } from './windows.js';

/** Moves the balances of one group of a control, in every window, into another. */
export async function mergeGroup(
  context: LedgerContext,
  compiled: CompiledControl,
  from: string,
  into: string,
): Promise<void> {
  const { control } = compiled;
  const rows = await context.sql.query('select-group-balances', { controlId: control.id, groupKey: from });
  for (const row of rows) {
    const old = balanceOf(row);
    const window = windowOf(control.windowType, numberOf(row, 'window_start_ms'));
    const key = { controlId: control.id, windowStartMs: window.startMs };
    await context.sql.query('delete-balance', { ...key, groupKey: from });
    const merged = await moveBalance(context, compiled, window, into, old);
    if (old.announced > merged.announced) {
      // The verdict moves along: it was told already, under the other name.
      const announced = Math.min(old.announced, verdictOf(compiled, merged));
      await context.sql.query('announce-balance', { ...key, groupKey: into, announced });
      await announce(context, compiled, window, into, { ...merged, announced: announced as 0 | 1 | 2 }, null);
    } else {
      await announce(context, compiled, window, into, merged, null);
    }
    await moveRevision(context, control.teamId);
  }
}
