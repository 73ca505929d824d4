/** What follows from a change of the directory: events keep the departments that they came with, feeds show the new ones. */
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import type { CostControl } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';

/** Whether a control goes by departments at all. */
export function goesByDepartments(control: Pick<CostControl, 'filters' | 'groupBy'>): boolean {
  return control.groupBy === 'DEPARTMENT' || control.filters.some(({ dimension }) => dimension === 'DEPARTMENT');
}

/** Whom a department's verdict concerns may be others now. */
export async function directoryMoved(context: LedgerContext, teamId: string): Promise<void> {
  for (const control of await selectControls(context, teamId)) {
    if (control.enabled && goesByDepartments(control)) noteFeedChange(context, teamId, control.id, WHOLE_CONTROL);
  }
}
