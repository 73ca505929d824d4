/** Teams, keys, events, balances, controls and windows: the ledger's heart. */
import { compileFeed } from '../../compile/compile-feed.js';
import { createControl, deleteControl, getControl, listControls, updateControl } from '../../ledger/controls.js';
import { fillNext } from '../../ledger/fill-control.js';
import { findEvents, listConflicts } from '../../ledger/reading.js';
import { record } from '../../ledger/record.js';
import { addKey, createTeam, findKey, getTeam, listKeys, listTeams, revokeKey } from '../../ledger/teams.js';
import { turnWindows } from '../../ledger/turn-windows.js';
import { verifyBalances } from '../../ledger/verify-balances.js';

/** Their statements. */
export const CORE_STATEMENTS = [
  'announce-balance',
  'count-conflicts',
  'count-events',
  'delete-balance',
  'delete-balances',
  'delete-control',
  'delete-fill',
  'insert-alias',
  'insert-conflict',
  'insert-control',
  'insert-event',
  'insert-key',
  'insert-price-entry',
  'insert-spelling',
  'insert-team',
  'keep-answer',
  'list-conflicts',
  'list-events',
  'load-aliases',
  'load-balances',
  'move-controls-version',
  'next-sequence',
  'purge-idempotency-keys',
  'put-balance',
  'put-fill',
  'revoke-key',
  'select-address-groups',
  'select-balance',
  'select-balances',
  'select-control-by-id',
  'select-control',
  'select-controls',
  'select-counted-events',
  'select-ended-verdicts',
  'select-event-by-transaction',
  'select-fills',
  'select-group-balances',
  'select-groups',
  'select-idempotency-key',
  'select-key-by-hash',
  'select-keys',
  'select-open-fills',
  'select-open-verdicts',
  'select-sharers',
  'select-spellings',
  'select-team-state',
  'select-team',
  'select-teams',
  'select-totals',
  'select-window-turn',
  'set-control-counted-from',
  'set-team-revision',
  'set-window-turn',
  'update-control',
] as const;

/** Operations that change nothing. */
export const coreReads = {
  compileFeed,
  findEvents,
  findKey,
  getControl,
  getTeam,
  listConflicts,
  listControls,
  listKeys,
  listTeams,
  verifyBalances,
} as const;

/** Operations that change something. */
export const coreWrites = {
  addKey,
  createControl,
  createTeam,
  deleteControl,
  fillNext,
  record,
  revokeKey,
  turnWindows,
  updateControl,
} as const;
