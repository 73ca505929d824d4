/** Holds: what is set aside for calls under way. */
import { dueHolds, expireHolds } from '../../ledger/holds/expire-holds.js';
import { getHold, holdTotals, listHolds } from '../../ledger/holds/hold-reading.js';
import { operateHolds } from '../../ledger/holds/operate-holds.js';
import { releaseHold } from '../../ledger/holds/release-hold.js';

/** Their statements. */
export const HOLD_STATEMENTS = [
  'count-holds',
  'draw-hold-part',
  'insert-hold-charge',
  'list-holds',
  'load-hold-parts',
  'load-holds',
  'place-event',
  'purge-hold',
  'purge-hold-charges',
  'purge-hold-parts',
  'put-hold',
  'put-hold-part',
  'recall-holds',
  'rename-hold-parts',
  'repair-hold-charges',
  'select-due-hold-teams',
  'select-due-holds',
  'select-hold-totals',
  'select-live-hold-parts',
  'select-next-hold-expiry',
  'select-old-holds',
  'select-open-holds',
  'select-overruns',
  'withdraw-hold-parts',
] as const;

/** Operations that change nothing. */
export const holdReads = { dueHolds, getHold, holdTotals, listHolds } as const;

/** Operations that change something. */
export const holdWrites = { expireHolds, operateHolds, releaseHold } as const;
