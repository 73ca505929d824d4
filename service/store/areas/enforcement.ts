/** What cost controls did, and who changed what. */
import { listEnforcementEvents } from '../../ledger/reading.js';

/** Their statements. */
export const ENFORCEMENT_STATEMENTS = [
  'count-enforcement-events',
  'insert-enforcement-event',
  'list-enforcement-events',
  'select-unknown-price-event',
] as const;

/** Operations that change nothing. */
export const enforcementReads = { listEnforcementEvents } as const;

/** Operations that change something. */
export const enforcementWrites = {} as const;
