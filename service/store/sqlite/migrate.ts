/** Brings a database file to the schema of this version. */

import type { Migration } from '../statements.js';
import { StoreError } from '../store-error.js';
import type { SqliteDriver } from './driver.js';

/**
 * Applies the migrations that the file does not have yet, each in a transaction of its own. @throws StoreError
 * `TOO_NEW` where a later version of the service wrote the file
 */
export function migrate(driver: SqliteDriver, migrations: readonly Migration[]): void {
  driver.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT');
  const [row] = driver.prepare('SELECT MAX(version) AS version FROM schema_version').all({});
  const have = Number(row?.['version'] ?? 0n);
  const latest = migrations.at(-1)?.version ?? 0;
  if (have > latest) {
    const which = `the database has schema ${have}, this version of the service knows up to ${latest}`;
    throw new StoreError('TOO_NEW', `${which}; start the version that wrote it, or a later one`);
  }
  for (const { version, name, sql } of migrations) {
    if (version <= have) continue;
    driver.exec('BEGIN IMMEDIATE');
    try {
      driver.exec(sql);
      driver.prepare('INSERT INTO schema_version (version) VALUES (:version)').all({ version: BigInt(version) });
      driver.exec('COMMIT');
    } catch (error) {
      driver.exec('ROLLBACK');
      throw new StoreError('UNREADABLE', `migration ${name} failed: ${String(error)}`, { cause: error });
    }
  }
}
