/** The SQL of a database, one statement a file: the common folder, and over it the database's own. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { STATEMENT_NAMES, type StatementName } from './statement-names.js';

/** The databases that there is SQL for. */
export type Dialect = 'sqlite' | 'postgres';

/** A numbered migration. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** Beside the sources and beside the build alike: the build copies the folder. */
const FOLDER = new URL('./sql/', import.meta.url);
const MIGRATION_FILE = /^(\d{4})_[a-z0-9-]+\.sql$/;

/** Every statement by name. Throws at start-up if a file is missing. */
export function readStatements(dialect: Dialect): ReadonlyMap<StatementName, string> {
  return new Map(STATEMENT_NAMES.map((name) => [name, readStatement(dialect, name)]));
}

function readStatement(dialect: Dialect, name: StatementName): string {
  const own = new URL(`${dialect}/${name}.sql`, FOLDER);
  return readFileSync(existsSync(own) ? own : new URL(`${name}.sql`, FOLDER), 'utf8');
}

/** The migrations in order, numbered from 1 without a gap. */
export function readMigrations(dialect: Dialect): readonly Migration[] {
  const folder = new URL(`${dialect}/migrations/`, FOLDER);
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  return names.sort().map((name, position) => {
    const version = Number(name.slice(0, 4));
    if (!MIGRATION_FILE.test(name)) throw new Error(`${name} is not named like 0001_what-it-does.sql`);
    if (version !== position + 1) throw new Error(`migration ${name} should have the number ${position + 1}`);
    return { version, name, sql: readFileSync(new URL(name, folder), 'utf8') };
  });
}
