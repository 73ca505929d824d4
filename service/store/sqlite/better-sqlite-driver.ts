/** SQLite through better-sqlite3, an optional dependency for Node 20. */
import type { SqliteDriver, SqliteRow, SqliteValue } from './driver.js';

const NO_ROWS: readonly SqliteRow[] = Object.freeze([]);

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
    preparePlaced(sql) {
      const statement = database.prepare<[readonly SqliteValue[]], SqliteValue[]>(sql);
      const changes = (values: readonly SqliteValue[]): boolean => statement.run(values).changes > 0;
      if (!statement.reader) {
        return {
          changes,
          all(values) {
            statement.run(values);
            return NO_ROWS;
          },
        };
      }
      // The driver makes the names of all columns anew for each row that it names itself.
      const names = statement
        .raw(true)
        .columns()
        .map(({ name }) => name);
      return { changes, all: (values) => statement.all(values).map((row) => namedRow(names, row)) };
    },
    close: () => void database.close(),
  };
}

function namedRow(names: readonly string[], values: readonly SqliteValue[]): SqliteRow {
  const row: Record<string, SqliteValue> = {};
  for (let i = 0; i < names.length; i += 1) row[names[i]!] = values[i]!;
  return row;
}
