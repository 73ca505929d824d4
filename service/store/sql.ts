/**
 * The seam between the ledger's logic and a database: named statements, one file each, run inside a transaction that
 * the caller of the logic opened. A database has its own folder of files under `service/store/sql/`.
 */

/** Every statement. A database must have a file `<name>.sql` for each, with the same parameters and result columns. */
export const STATEMENT_NAMES = [
  'announce-balance',
  'count-conflicts',
  'count-enforcement-events',
  'count-events',
  'count-spellings',
  'delete-balance',
  'delete-balances',
  'delete-control',
  'delete-fill',
  'insert-alias',
  'insert-conflict',
  'insert-control',
  'insert-enforcement-event',
  'insert-event',
  'insert-key',
  'insert-price-entry',
  'insert-price-override',
  'insert-spelling',
  'insert-team',
  'keep-answer',
  'list-conflicts',
  'list-enforcement-events',
  'list-events',
  'move-controls-version',
  'move-prices-version',
  'next-sequence',
  'purge-idempotency-keys',
  'put-balance',
  'put-fill',
  'replace-price-override',
  'revoke-key',
  'select-alias',
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
  'select-price-overrides',
  'select-sharers',
  'select-spellings',
  'select-team-state',
  'select-team',
  'select-teams',
  'select-totals',
  'select-unknown-price-event',
  'select-window-turn',
  'set-control-counted-from',
  'set-team-revision',
  'set-window-turn',
  'update-control',
] as const;

/** The name of a statement. */
export type StatementName = (typeof STATEMENT_NAMES)[number];

/** What can be bound. Numbers must be whole: a float never reaches the database (I6). */
export type SqlValue = string | number | bigint | boolean | null;

/** Values of the statement's named parameters (`:name`), all of them. */
export type SqlParams = Readonly<Record<string, SqlValue>>;

/** One row: integers are bigint, whatever the driver. */
export type SqlRow = Readonly<Record<string, string | bigint | null>>;

/** Runs statements in the open transaction. */
export interface Sql {
  query(statement: StatementName, params?: SqlParams): Promise<readonly SqlRow[]>;
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

/** An integer column that holds 0 or 1. */
export function flagOf(row: SqlRow, column: string): boolean {
  return bigintOf(row, column) !== 0n;
}
