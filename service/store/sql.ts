/**
 * The seam between the ledger's logic and a database: named statements, one file each, run inside a transaction that
 * the caller of the logic opened. `service/store/sql/` holds them for every database; where one needs other words, its own
 * folder has a file of the same name.
 */
import type { StatementName } from './statement-names.js';

export type { StatementName } from './statement-names.js';

/** What can be bound. Numbers must be whole: a float never reaches the database (I6). */
export type SqlValue = string | number | bigint | boolean | null;

/** Values of the statement's named parameters (`:name`), all of them. */
export type SqlParams = Readonly<Record<string, SqlValue>>;

/** One row: integers are bigint, whatever the driver. */
export type SqlRow = Readonly<Record<string, string | bigint | null>>;

/** Runs statements in the open transaction. */
export interface Sql {
  query(statement: StatementName, params?: SqlParams): Promise<readonly SqlRow[]>;
  /**
   * Runs a statement once for each set of parameters, in order, and gives the rows of all: one round trip, however many
   * sets. Where the database is not in this process, its own file of the statement takes every parameter as an array;
   * where it is, one that is read for many keys at once takes the keys as a list.
   */
  many(statement: StatementName, sets: readonly SqlParams[]): Promise<readonly SqlRow[]>;
}

/** A text column that is never null. */
export function textOf(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} is not text`);
  return value;
}

/** A text column, `null` where it is null. */
export function textOrNull(row: SqlRow, column: string): string | null {
  return row[column] == null ? null : textOf(row, column);
}

/** An integer column. */
export function bigintOf(row: SqlRow, column: string): bigint {
  const value = row[column];
  if (typeof value !== 'bigint') throw new TypeError(`column ${column} is not an integer`);
  return value;
}

/** An integer column, `null` where it is null. */
export function bigintOrNull(row: SqlRow, column: string): bigint | null {
  return row[column] == null ? null : bigintOf(row, column);
}

/** An integer column that is a time or a small count, never money. */
export function numberOf(row: SqlRow, column: string): number {
  return Number(bigintOf(row, column));
}

/** A whole number that may be absent. */
export function numberOrNull(row: SqlRow, column: string): number | null {
  const value = bigintOrNull(row, column);
  return value === null ? null : Number(value);
}

/** An integer column that holds 0 or 1. */
export function flagOf(row: SqlRow, column: string): boolean {
  return bigintOf(row, column) !== 0n;
}
