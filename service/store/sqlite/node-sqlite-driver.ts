/** SQLite as Node brings it. */
import type { SqliteDriver, SqliteValue } from './driver.js';

interface NodeStatement {
  all(
    ...params: readonly [Readonly<Record<string, SqliteValue>>] | readonly SqliteValue[]
  ): Record<string, SqliteValue>[];
  run(...params: readonly SqliteValue[]): { readonly changes: number | bigint };
  setReadBigInts(enabled: boolean): void;
}

interface NodeDatabase {
  exec(sql: string): void;
  prepare(sql: string): NodeStatement;
  close(): void;
}

/** What we use of `node:sqlite`; described here, since the types of our oldest Node do not have it. */
export interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => NodeDatabase;
}

/** The module, where this runtime has it. */
export function nodeSqlite(): NodeSqlite | undefined {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown };
  return getBuiltinModule?.call(process, 'node:sqlite') as NodeSqlite | undefined;
}

/** Opens a file. */
export function openNodeSqlite(module: NodeSqlite, file: string): SqliteDriver {
  const database = new module.DatabaseSync(file);
  const prepare = (sql: string): NodeStatement => {
    const statement = database.prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  return {
    name: 'node:sqlite',
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = prepare(sql);
      return { all: (params) => statement.all(params) };
    },
    preparePlaced(sql) {
      const statement = prepare(sql);
      return {
        all: (values) => statement.all(...values),
        changes: (values) => Number(statement.run(...values).changes) > 0,
      };
    },
    close: () => database.close(),
  };
}
