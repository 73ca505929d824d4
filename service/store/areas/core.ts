/** Teams, keys, events, balances, controls and windows: the ledger's heart. */
import { createControl, deleteControl, getControl, listControls, updateControl } from '../../ledger/controls.js';
import { fillTeam, openFills } from '../../ledger/fill-control.js';
import { findEvents, listConflicts } from '../../ledger/reading.js';
import { record } from '../../ledger/record.js';
import { addKey, createTeam, findKey, getTeam, listKeys, listTeams, revokeKey } from '../../ledger/teams.js';
import { dueTeams, nextTurn, purgeAnswers, turnTeam } from '../../ledger/turn-windows.js';
import { verifyTeam } from '../../ledger/verify-balances.js';

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
  'keep-held',
  'list-conflicts',
  'list-events',
  'load-aliases',
  'load-balances',
  'load-rolling-sums',
  'move-controls-version',
  'next-sequence',
  'purge-buckets',
  'purge-heads',
  'purge-idempotency-keys',
  'put-balance',
  'put-fill',
  'revoke-key',
  'select-address-groups',
  'select-balance',
  'select-balances',
  'select-buckets',
  'select-control-by-id',
  'select-control',
  'select-controls',
  'select-counted-events',
  'select-due-controls',
  'select-due-teams',
  'select-ended-verdicts',
  'select-event-by-transaction',
  'select-fill',
  'select-fills',
  'select-group-balances',
  'select-groups',
  'select-held',
  'select-idempotency-key',
  'select-key-by-hash',
  'select-keys',
  'select-next-turn',
  'select-open-fills',
  'select-open-verdicts',
  'select-team-state',
  'select-team',
  'select-teams',
  'set-control-counted-from',
  'set-control-window',
  'set-team-revision',
  'update-control',
] as const;

/** Operations that change nothing. */
export const coreReads = {
  dueTeams,
  findEvents,
  findKey,
  getControl,
  getTeam,
  listConflicts,
  listControls,
  listKeys,
  listTeams,
  nextTurn,
  openFills,
  verifyTeam,
} as const;

/** Operations that change something. */
export const coreWrites = {
  addKey,
  createControl,
  createTeam,
  deleteControl,
  fillTeam,
  purgeAnswers,
  record,
  revokeKey,
  turnTeam,
  updateControl,
} as const;
