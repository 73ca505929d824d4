/** The seam to SQLite itself: the runtime's own, or better-sqlite3 where the runtime has none. */
import { StoreError } from '../store-error.js';
import { openBetterSqlite } from './better-sqlite-driver.js';
import { nodeSqlite, openNodeSqlite } from './node-sqlite-driver.js';

/** A value as SQLite takes and gives it. Integers are bigint both ways: neither driver rounds then. */
export type SqliteValue = string | bigint | null;

/** A row by the names of its columns. */
export type SqliteRow = Readonly<Record<string, SqliteValue>>;

/** A prepared statement. */
export interface SqliteStatement {
  /** Runs to the end and gives every row; none for a statement without a result. */
  all(params: Readonly<Record<string, SqliteValue>>): readonly SqliteRow[];
}

/** A prepared statement whose parameters are `?`. */
export interface PlacedStatement {
  /** As {@link SqliteStatement.all}, with the values in the order of their places. */
  all(values: readonly SqliteValue[]): readonly SqliteRow[];
  /** Runs a statement without a result. Returns whether it changed anything. */
  changes(values: readonly SqliteValue[]): boolean;
}

/** One open database file. Synchronous: it belongs into a thread of its own. */
export interface SqliteDriver {
  readonly name: 'node:sqlite' | 'better-sqlite3';
  /** Runs statements without parameters and results. */
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  /** Binding by place, and rows that are read by place: for what is run thousands of times a second. */
  preparePlaced(sql: string): PlacedStatement;
  close(): void;
}

/**
 * Opens a file with the driver of this runtime. better-sqlite3 12 aborts at random under Node 24.19 and later, so it
 * serves only where Node has no SQLite of its own (before 22.13). @throws StoreError `NO_DRIVER`
 */
export async function openDriver(file: string): Promise<SqliteDriver> {
  const builtIn = nodeSqlite();
  if (builtIn !== undefined) return openNodeSqlite(builtIn, file);
  if (hasOwnSqlite(process.versions.node)) throw noDriver('this Node was built or started without node:sqlite');
  try {
    return await openBetterSqlite(file);
  } catch (error) {
    if (isLoadFailure(error)) throw noDriver('better-sqlite3 is not installed, or not for this Node', error);
    throw error;
  }
}

/** Whether a Node version comes with `node:sqlite` ready for use. */
export function hasOwnSqlite(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}

function isLoadFailure(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  const text = String(error);
  return (
    code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_DLOPEN_FAILED' || /bindings file|NODE_MODULE_VERSION/.test(text)
  );
}

function noDriver(why: string, cause?: unknown): StoreError {
  return new StoreError(
    'NO_DRIVER',
    `no SQLite for the embedded database: ${why}. Use Node 22.13 or later, which has one built in, or on Node 20 run ` +
      '`npm install better-sqlite3@12` where the service is installed.',
    { cause },
  );
}
