/** What a store can be asked, by name: the ledger's operations, each run in one transaction by any database. */
import { alertReads, alertWrites } from './areas/alerts.js';
import { coreReads, coreWrites } from './areas/core.js';
import { customerReads, customerWrites } from './areas/customers.js';
import { directoryReads, directoryWrites } from './areas/directory.js';
import { enforcementReads, enforcementWrites } from './areas/enforcement.js';
import { explainReads } from './areas/explain.js';
import { feedReads, feedWrites } from './areas/feed.js';
import { gatewayBookReads } from './areas/gateway-books.js';
import { holdFigureReads } from './areas/hold-figures.js';
import { holdReads, holdWrites } from './areas/holds.js';
import { jobReads, jobWrites } from './areas/jobs.js';
import { maintenanceReads, maintenanceWrites } from './areas/maintenance.js';
import { priceReads, priceWrites } from './areas/prices.js';
import { raiseReads, raiseWrites } from './areas/raises.js';
import { requestReads, requestWrites } from './areas/requests.js';
import { settingReads, settingWrites } from './areas/settings.js';
import { usageReads } from './areas/usage.js';

/** Operations that change nothing: a database with several connections runs them beside the writer, on a snapshot. */
export const READS = {
  ...coreReads,
  ...jobReads,
  ...priceReads,
  ...directoryReads,
  ...feedReads,
  ...enforcementReads,
  ...explainReads,
  ...gatewayBookReads,
  ...alertReads,
  ...requestReads,
  ...maintenanceReads,
  ...usageReads,
  ...settingReads,
  ...customerReads,
  ...holdReads,
  ...holdFigureReads,
  ...raiseReads,
} as const;

/**
 * Operations that change something. Where the first argument is a team's id, the operation holds that team alone while
 * it runs, over all processes (docs/decisions); the others touch no team's balances, or lock what they touch.
 */
export const WRITES = {
  ...coreWrites,
  ...jobWrites,
  ...priceWrites,
  ...directoryWrites,
  ...feedWrites,
  ...enforcementWrites,
  ...alertWrites,
  ...requestWrites,
  ...maintenanceWrites,
  ...settingWrites,
  ...customerWrites,
  ...holdWrites,
  ...raiseWrites,
} as const;

/** All. Arguments and results are plain data: they may cross a thread. */
export const OPERATIONS = { ...READS, ...WRITES } as const;

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
  /** Copies the database, as it was between two commits, to a new file. Absent: the database is not a file here. */
  copyTo?(file: string): Promise<void>;
  /** Whether what is remembered still holds, where other processes write too. Absent: nobody else does. */
  isFresh?(): boolean;
}

/** What committed operations changed, told before their results. A database that several processes write tells more. */
export interface EffectsListener {
  moved(teamId: string, revision: number): void;
  touched(teamId: string): void;
  /** Keys changed: what is remembered of them may be wrong. */
  keysMoved(): void;
  /** Teams whose feeds are kept. */
  kept(): Iterable<string>;
}
