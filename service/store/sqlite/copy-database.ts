/** Copies of a database: consistent, compact, in one file, readable by the owner only (I12). */
import { closeSync, openSync, rmSync } from 'node:fs';
import { readMigrations } from '../statements.js';
import { StoreError } from '../store-error.js';
import { asDiskTrouble } from './disk-trouble.js';
import { openDriver, type SqliteDriver } from './driver.js';

/** Problems of a damaged copy that are told. */
const PROBLEMS_MAX = 5;

/**
 * Copies an open database, outside of a transaction, to a file that is not there yet; a copy that fails leaves none.
 *
 * @throws StoreError `INVALID` where the file is there or cannot be made; `UNAVAILABLE` where the disk is full
 */
export function copyDatabase(database: Pick<SqliteDriver, 'exec'>, file: string): void {
  makeNew(file);
  try {
    database.exec(`VACUUM INTO '${file.replaceAll("'", "''")}'`);
  } catch (error) {
    rmSync(file, { force: true });
    throw asDiskTrouble(error);
  }
}

/**
 * Copies a database that no service has open, as it is: one of an older version is not brought to this one.
 *
 * @throws StoreError `LOCKED` where another process has it open; else as {@link copyDatabase}
 */
export async function copyDatabaseFile(from: string, to: string): Promise<void> {
  const driver = await openDriver(from);
  try {
    driver.exec('PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
    copyDatabase(driver, to);
  } catch (error) {
    if (!/database is locked|SQLITE_BUSY/.test(String(error))) throw error;
    throw new StoreError('LOCKED', `another process has the database ${from} open`, { cause: error });
  } finally {
    driver.close();
  }
}

/** What a copy holds. */
export interface CheckedCopy {
  readonly schemaVersion: number;
  readonly events: bigint;
}

/** Opens a copy and has SQLite check it. @throws StoreError `UNREADABLE` where it is damaged, or not a database of ours */
export async function checkDatabaseFile(file: string): Promise<CheckedCopy> {
  let driver: SqliteDriver | undefined;
  try {
    driver = await openDriver(file);
    const found = driver.prepare('PRAGMA quick_check').all({});
    const problems = found.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
    if (problems.length > 0) throw new Error(problems.slice(0, PROBLEMS_MAX).join('; '));
    const [schema] = driver.prepare('SELECT MAX(version) AS version FROM schema_version').all({});
    const [events] = driver.prepare('SELECT COUNT(*) AS events FROM usage_event').all({});
    const schemaVersion = Number(schema?.['version'] ?? 0);
    if (schemaVersion < 1 || schemaVersion > readMigrations('sqlite').length) {
      throw new Error(`its schema ${schemaVersion} is not one of this version of the service`);
    }
    return { schemaVersion, events: BigInt(events?.['events'] ?? 0) };
  } catch (error) {
    throw new StoreError('UNREADABLE', `the copy ${file} is not sound: ${String(error)}`, { cause: error });
  } finally {
    driver?.close();
  }
}

/** Never over a file that is there, not even one that appears at this moment. */
function makeNew(file: string): void {
  try {
    if (file.includes('\0')) throw new Error('its name holds a character that no file name has');
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'EEXIST' ? `${file} is there already` : `${file} cannot be made: ${message}`;
    throw new StoreError('INVALID', problem, { cause: error, problems: { file: problem } });
  }
}
