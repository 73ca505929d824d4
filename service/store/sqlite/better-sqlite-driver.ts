/** SQLite through better-sqlite3, an optional dependency for Node 20. */
import type { SqliteDriver, SqliteValue } from './driver.js';

/** Opens a file. Throws what the import throws where the package or its binary is missing. */
export async function openBetterSqlite(file: string): Promise<SqliteDriver> {
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(file);
  // Without this it rounds above 2^53 in silence.
  database.defaultSafeIntegers(true);
  return {
    name: 'better-sqlite3',
    exec: (sql) => void database.exec(sql),
    prepare(sql) {
      const statement = database.prepare<[Readonly<Record<string, SqliteValue>>], Record<string, SqliteValue>>(sql);
      if (statement.reader) return { all: (params) => statement.all(params) };
      return {
        all(params) {
          statement.run(params);
          return [];
        },
      };
    },
    close: () => void database.close(),
  };
}
