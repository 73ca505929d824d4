/** Finds a cost control for a route, or says why there is none for the caller. */
import { ApiError } from '../http/api-error.js';
import type { CostControl, Store } from '../store/store.js';

/** Teams that are asked whose a control is, before the answer is just "unknown". */
const TEAMS_ASKED_MAX = 100;

/** The control, or 403 where it is another team's, or 404. */
export async function findControl(store: Store, teamId: string, id: string): Promise<CostControl> {
  const control = await store.getControl(teamId, id);
  if (control !== undefined) return control;
  for (const team of (await store.listTeams()).slice(0, TEAMS_ASKED_MAX)) {
    if (team.id === teamId || (await store.getControl(team.id, id)) === undefined) continue;
    throw new ApiError(403, 'forbidden', 'this cost control belongs to another team');
  }
  throw new ApiError(404, 'not_found', 'there is no cost control with this id');
}
