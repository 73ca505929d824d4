/** Statements with our named parameters on a driver of SQLite. */
import type { SqlParams, SqlRow, SqlValue } from '../sql.js';
import type { SqliteDriver, SqliteValue } from './driver.js';
import { parameterNames, placeParameters } from './placed-parameters.js';

/** Runs a statement to its end and gives every row. @throws TypeError, RangeError where a parameter is missing, or a fraction */
export type RunStatement = (params: SqlParams) => readonly SqlRow[];

/**
 * For each row that is returned SQLite makes a table in memory, which costs as much as the insertion: where what comes back
 * is what was bound, whether a row came to be says it all.
 */
const RETURNING_ID = /(\bON CONFLICT \([^)]*\) DO NOTHING)\s+RETURNING id;?\s*$/;
const NO_ROWS: readonly SqlRow[] = Object.freeze([]);

/** Prepares a statement; its parameters are bound by their places where it names each of them once. */
export function prepareStatement(driver: SqliteDriver, sql: string): RunStatement {
  const placed = placeParameters(sql);
  if (placed === undefined) {
    const statement = driver.prepare(sql);
    const given = parameterNames(sql);
    return (params) => statement.all(bindNamed(given, params));
  }
  const { text, names } = placed;
  if (RETURNING_ID.test(text) && names.includes('id')) {
    const statement = driver.preparePlaced(text.replace(RETURNING_ID, '$1'));
    const at = names.indexOf('id');
    return (params) => {
      const values = bindPlaced(names, params);
      return statement.changes(values) ? [{ id: values[at]! }] : NO_ROWS;
    };
  }
  const statement = driver.preparePlaced(text);
  return (params) => statement.all(bindPlaced(names, params));
}

/** Of the statement's names, not of the set's: node:sqlite takes one that is missing for null. */
function bindNamed(names: readonly string[], params: SqlParams): Record<string, SqliteValue> {
  const bound: Record<string, SqliteValue> = {};
  for (const name of names) bound[name] = toSqlite(name, params[name]);
  return bound;
}

function bindPlaced(names: readonly string[], params: SqlParams): SqliteValue[] {
  const bound: SqliteValue[] = [];
  for (const name of names) bound.push(toSqlite(name, params[name]));
  return bound;
}

/** Throws for what is missing, and for a fraction: no float gets into the database, whatever a caller computes (I6). */
function toSqlite(name: string, value: SqlValue | undefined): SqliteValue {
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (value === undefined) throw new TypeError(`parameter :${name} is missing`);
  return value;
}
