/** What a store can be asked, by name: the ledger's operations, each run in one transaction by any database. */
import { compileFeed } from '../compile/compile-feed.js';
import { createControl, deleteControl, getControl, listControls, updateControl } from '../ledger/controls.js';
import { fillNext } from '../ledger/fill-control.js';
import { selectPrices, setPrice } from '../ledger/prices.js';
import { findEvents, listConflicts, listEnforcementEvents } from '../ledger/reading.js';
import { recordEvents } from '../ledger/record-events.js';
import { recordOnce } from '../ledger/record-once.js';
import { addKey, createTeam, findKey, getTeam, listKeys, listTeams, revokeKey } from '../ledger/teams.js';
import { turnWindows } from '../ledger/turn-windows.js';
import { verifyBalances } from '../ledger/verify-balances.js';

/** The operations. Arguments and results are plain data: they may cross a thread. */
export const OPERATIONS = {
  addKey,
  compileFeed,
  createControl,
  createTeam,
  deleteControl,
  fillNext,
  findEvents,
  findKey,
  getControl,
  getTeam,
  listConflicts,
  listControls,
  listEnforcementEvents,
  listKeys,
  listPrices: selectPrices,
  listTeams,
  recordEvents,
  recordOnce,
  revokeKey,
  setPrice,
  turnWindows,
  updateControl,
  verifyBalances,
} as const;

/** All operations. */
export type Operations = typeof OPERATIONS;
/** The name of an operation. */
export type OperationName = keyof Operations;
/** What an operation takes besides its context. */
export type OperationInput<N extends OperationName> = Operations[N] extends (
  context: never,
  ...input: infer I
) => Promise<unknown>
  ? I
  : never;
/** What an operation resolves to. */
export type OperationOutput<N extends OperationName> = Operations[N] extends (...all: never[]) => Promise<infer O>
  ? O
  : never;

/** Runs operations, each in a transaction of its own, and resolves after the commit. */
export interface Executor {
  execute<N extends OperationName>(operation: N, ...input: OperationInput<N>): Promise<OperationOutput<N>>;
  close(): Promise<void>;
}

/** What committed operations changed, told before their results. */
export interface EffectsListener {
  moved(teamId: string, revision: number): void;
  touched(teamId: string): void;
}
