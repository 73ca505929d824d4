/** What follows from a change of the directory: events keep the departments that they came with, feeds show the new ones. */
import { isDepartmentRule } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import type { LedgerContext } from './context.js';
import { selectControls } from './control-rows.js';

/** Whom a department's verdict concerns may be others now. */
export async function directoryMoved(context: LedgerContext, teamId: string): Promise<void> {
  for (const control of await selectControls(context, teamId)) {
    if (control.enabled && isDepartmentRule(control)) noteFeedChange(context, teamId, control.id, WHOLE_CONTROL);
  }
}
