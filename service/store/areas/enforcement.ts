/** What cost controls did, and who changed what. */
import { listAudit } from '../../ledger/audit.js';
import { bypassesToEnd, endBypass, expireBypass, selectBypass, setBypass } from '../../ledger/bypass.js';
import {
  affectedByEnforcement,
  enforcementSlots,
  listEnforcementEvents,
  summarizeEnforcement,
} from '../../ledger/enforcement-reading.js';
import { recordRefusals } from '../../ledger/refusals.js';

/** Their statements. */
export const ENFORCEMENT_STATEMENTS = [
  'count-audit-entries',
  'count-enforcement-events',
  'count-enforcement-events-of-control',
  'count-enforcement-events-of-transaction',
  'delete-bypass',
  'insert-audit-entry',
  'insert-enforcement-event',
  'list-audit-entries',
  'list-enforcement-events',
  'list-enforcement-events-of-control',
  'list-enforcement-events-of-transaction',
  'put-bypass',
  'select-affected',
  'select-bypass',
  'select-control-by-rule',
  'select-ended-bypasses',
  'select-enforcement-rules',
  'select-enforcement-slots',
  'select-enforcement-totals',
  'select-event-email',
  'select-next-bypass',
  'select-subscriber-email',
  'select-unknown-price-event',
] as const;

/** Operations that change nothing. */
export const enforcementReads = {
  affectedByEnforcement,
  bypassesToEnd,
  enforcementSlots,
  listAudit,
  listEnforcementEvents,
  getBypass: selectBypass,
  summarizeEnforcement,
} as const;

/** Operations that change something. */
export const enforcementWrites = { endBypass, expireBypass, recordRefusals, setBypass } as const;
