/** What follows from a change of the directory. */
import type { CostControl } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';
import { fillControl } from './fill-control.js';

/** Whether a control goes by departments at all. */
export function goesByDepartments(control: Pick<CostControl, 'filters' | 'groupBy'>): boolean {
  return control.groupBy === 'DEPARTMENT' || control.filters.some(({ dimension }) => dimension === 'DEPARTMENT');
}

/** A tree that moved changes whom an event is counted for: controls that go by it are counted anew. */
export async function directoryMoved(context: LedgerContext, teamId: string, treeMoved: boolean): Promise<void> {
  if (!treeMoved) return;
  let recounted = false;
  for (const control of await selectControls(context, teamId)) {
    if (!control.enabled || !goesByDepartments(control)) continue;
    await fillControl(context, control);
    recounted = true;
  }
  if (recounted) await context.sql.query('move-controls-version', { id: teamId });
}
