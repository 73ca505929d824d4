/** What operators do to a whole team: compare its balances, make them anew, take its events elsewhere. */
import { exportEvents } from '../../ledger/export-events.js';
import { rebuildTeam } from '../../ledger/rebuild.js';
import { verifyTeam } from '../../ledger/verify-balances.js';

/** Their statements, beside those of the heart. */
export const MAINTENANCE_STATEMENTS = ['export-events'] as const;

/** Operations that change nothing. */
export const maintenanceReads = { exportEvents, verifyTeam } as const;

/** Operations that change something. */
export const maintenanceWrites = { rebuildTeam } as const;
