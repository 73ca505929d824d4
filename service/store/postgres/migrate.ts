/** Brings a database to the schema of this version, however many replicas start together. */
import type pg from 'pg';
import type { ClientBase } from 'pg';
import type { Migration } from '../statements.js';
import { StoreError } from '../store-error.js';
import { troubleOf } from './trouble.js';

/** The oldest server that we run on. */
const OLDEST_SERVER = 15;
/** Held by whoever migrates; any number that nobody else uses. */
const LOCK = '7023861547';
/** Marks of replicas that are long gone. */
const MARK_LIFE_MS = 7 * 86_400_000;

/**
 * Applies the migrations that the database does not have yet, each in a transaction of its own, one replica at a time.
 *
 * @throws StoreError `TOO_OLD`: the server; `TOO_NEW`: a later version of the service wrote the database; `UNREADABLE`
 */
export async function migrate(client: ClientBase, migrations: readonly Migration[], nowMs: number): Promise<void> {
  await checkServer(client);
  const latest = migrations.at(-1)?.version ?? 0;
  for (;;) {
    // One a round, so that the lock is given back between them and a replica that dies leaves whole steps.
    const have = await step(client, migrations);
    if (have > latest) {
      const which = `the database has schema ${have}, this version of the service knows up to ${latest}`;
      throw new StoreError('TOO_NEW', `${which}; start the version that wrote it, or a later one`);
    }
    if (have === latest) break;
  }
  await client.query({
    text: 'DELETE FROM commit_mark WHERE at_ms < $1',
    values: [String(nowMs - MARK_LIFE_MS)],
  });
}

async function checkServer(client: ClientBase): Promise<void> {
  const text =
    "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version, " +
    "current_setting('server_encoding') AS encoding";
  const { rows } = await client.query<{ number: string; version: string; encoding: string }>(text);
  const { number = '0', version = '', encoding = '' } = rows[0] ?? {};
  if (Number(number) < OLDEST_SERVER * 10_000) {
    throw new StoreError(
      'TOO_OLD',
      `the database server is PostgreSQL ${version}; this service needs ${OLDEST_SERVER} or later`,
    );
  }
  if (encoding !== 'UTF8') {
    throw new StoreError(
      'UNREADABLE',
      `the database keeps text as ${encoding}; make one that keeps it as UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)`,
    );
  }
}

/** Applies the next migration, if there is one. Returns the version that the database has then. */
async function step(client: ClientBase, migrations: readonly Migration[]): Promise<number> {
  await client.query('BEGIN');
  let name = 'the schema';
  try {
    // Building an index on a large table takes its time, and so does waiting for another replica that builds it.
    await client.query('SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0');
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
    await client.query('CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)');
    const { rows } = await client.query<{ version: bigint | null }>(
      'SELECT MAX(version) AS version FROM schema_version',
    );
    const have = Number(rows[0]?.version ?? 0n);
    const next = migrations.find(({ version }) => version > have);
    if (next === undefined) {
      await client.query('COMMIT');
      return have;
    }
    name = next.name;
    await client.query(next.sql);
    await client.query({ text: 'INSERT INTO schema_version (version) VALUES ($1)', values: [String(next.version)] });
    await client.query('COMMIT');
    return next.version;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error instanceof StoreError ? error : migrationError(name, error as pg.DatabaseError);
  }
}

function migrationError(name: string, error: pg.DatabaseError): unknown {
  // Only a server that works can refuse a migration; everything else is tried again by who opens the store.
  if (troubleOf(error) !== 'none') return error;
  return new StoreError('UNREADABLE', `migration ${name} failed: ${error.message}`, { cause: error });
}
