/** One open database: durable, exclusively ours, migrated, with its statements prepared. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Sql, SqlParams, SqlRow, StatementName } from '../sql.js';
import { readMigrations, readStatements } from '../statements.js';
import { StoreError } from '../store-error.js';
import { openDriver, type SqliteDriver } from './driver.js';
import { migrate } from './migrate.js';
import { prepareStatement, type RunStatement } from './prepare-statement.js';

/**
 * EXCLUSIVE keeps SQLite's own lock on the file for as long as it is open: a second process is refused, and the lock
 * goes with the process however it ends, `kill -9` included. FULL flushes on every commit: NORMAL lost up to 66 rows
 * in a simulated power cut (DESIGN section 8). The wait covers a predecessor that is shutting down.
 */
export const OPENING = `
  PRAGMA busy_timeout = 2000;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
`;

/** A parameter that takes the texts of all sets at once: `json_each(:name)`. The others must be the same in every set. */
const LIST = /json_each\(:([A-Za-z]+)\)/;

interface Prepared {
  readonly run: RunStatement;
  readonly list: string | undefined;
}

/** A database that operations can run on, one transaction at a time. */
export class SqliteDatabase implements Sql {
  readonly driverName: string;
  readonly #driver: SqliteDriver;
  readonly #sources: ReadonlyMap<StatementName, string>;
  readonly #prepared = new Map<StatementName, Prepared>();

  private constructor(driver: SqliteDriver) {
    this.#driver = driver;
    this.driverName = driver.name;
    this.#sources = readStatements('sqlite');
  }

  /** Opens or creates a file. @throws StoreError `NO_DRIVER`, `LOCKED`, `TOO_NEW`, `UNREADABLE` */
  static async open(file: string): Promise<SqliteDatabase> {
    let driver: SqliteDriver | undefined;
    try {
      makePrivate(file);
      driver = await openDriver(file);
      driver.exec(OPENING);
      // Takes the lock now, not with the first event.
      driver.exec('BEGIN EXCLUSIVE; COMMIT');
      migrate(driver, readMigrations('sqlite'));
      return new SqliteDatabase(driver);
    } catch (error) {
      driver?.close();
      throw openingError(file, error);
    }
  }

  async query(statement: StatementName, params: SqlParams = {}): Promise<readonly SqlRow[]> {
    const { run, list } = this.#prepare(statement);
    return run(list === undefined ? params : listed([params], list));
  }

  async many(statement: StatementName, sets: readonly SqlParams[]): Promise<readonly SqlRow[]> {
    const { run, list } = this.#prepare(statement);
    if (list !== undefined) return sets.length === 0 ? [] : run(listed(sets, list));
    const rows: SqlRow[] = [];
    for (const params of sets) for (const row of run(params)) rows.push(row);
    return rows;
  }

  #prepare(statement: StatementName): Prepared {
    let prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      const sql = this.#sources.get(statement) ?? '';
      prepared = { run: prepareStatement(this.#driver, sql), list: LIST.exec(sql)?.[1] };
      this.#prepared.set(statement, prepared);
    }
    return prepared;
  }

  /** Transaction control: `BEGIN IMMEDIATE`, `COMMIT`, `SAVEPOINT …`. */
  exec(sql: string): void {
    this.#driver.exec(sql);
  }

  close(): void {
    this.#driver.close();
  }
}

/** The file holds e-mail addresses: nobody else may read it (I12). SQLite gives its side files the same mode. */
function makePrivate(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

function listed(sets: readonly SqlParams[], list: string): SqlParams {
  const texts = sets.map((params) => params[list]);
  if (texts.some((text) => typeof text !== 'string')) throw new TypeError(`:${list} is not text in every set`);
  const { [list]: _, ...others } = sets[0]!;
  for (const name in others) {
    if (sets.some((params) => params[name] !== others[name])) throw new TypeError(`:${name} differs between sets`);
  }
  return { ...others, [list]: JSON.stringify(texts) };
}

function openingError(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (/database is locked|SQLITE_BUSY/.test(String(error))) {
    return new StoreError(
      'LOCKED',
      `another process has the database ${file} open. One process may write it: stop the other, or give this one a ` +
        'data folder of its own.',
      { cause: error },
    );
  }
  return new StoreError('UNREADABLE', `the database ${file} cannot be opened: ${String(error)}`, { cause: error });
}
