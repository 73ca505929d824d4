/** Connections to PostgreSQL: pooled, bounded in every wait, and only to a server that takes writes. */
import type { Log } from 'fusewire/internal';
import pg, { type ClientBase, type PoolConfig } from 'pg';
import type { ConnectionUrl } from './connection-url.js';
import { valueParser } from './values.js';

/** How long things may take, in milliseconds. */
export interface Limits {
  /** For a connection to come about. */
  readonly connectMs: number;
  /** One statement on the server. */
  readonly statementMs: number;
  /** For a lock that somebody else holds, for instance another replica on the same team. */
  readonly lockMs: number;
  /** A transaction in which we are silent: a replica that hangs must not hold a team for longer. */
  readonly silenceMs: number;
}

/** What a store goes by. */
export const LIMITS: Limits = { connectMs: 5_000, statementMs: 30_000, lockMs: 10_000, silenceMs: 15_000 };

/** Longer than the server's own limit: it answers in time, or nobody is there. */
const ANSWER_GRACE_MS = 5_000;

/** A server that is being switched over, or a replica of it: not ours to talk to. */
export class NotWritableError extends Error {
  override readonly name = 'NotWritableError';

  constructor() {
    super('the server is read-only: a standby, or a primary that is being switched over');
  }
}

/** A pool of `max` connections. Integers come as bigint, everything else as text. */
export function createPool(url: ConnectionUrl, max: number, limits: Limits, log: Log): pg.Pool {
  const pool = new pg.Pool({
    ...connectionConfig(url, limits),
    max,
    // Connections of a quiet night are given back.
    idleTimeoutMillis: 60_000,
    allowExitOnIdle: true,
    onConnect: (client) => prepareSession(client, limits),
  });
  // An error of a connection that is in use also rejects what it was asked for.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // A connection that dies while nobody uses it has left the pool already.
  pool.on('error', (error) => log.debug('a database connection ended', { error: error.message }));
  return pool;
}

/** A connection of its own, not open yet. */
export function createClient(url: ConnectionUrl, limits: Limits): pg.Client {
  return new pg.Client(connectionConfig(url, limits));
}

/** Sets the limits of a session. @throws NotWritableError */
export async function prepareSession(client: ClientBase, { statementMs, lockMs, silenceMs }: Limits): Promise<void> {
  await client.query(
    `SET statement_timeout = ${statementMs}; SET lock_timeout = ${lockMs}; SET jit = off; ` +
      `SET idle_in_transaction_session_timeout = ${silenceMs}; ` +
      'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; ' +
      // What is acknowledged is on the disk, whatever the default of this database.
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
  );
  const { rows } = await client.query<{ writable: string }>(
    "SELECT CASE WHEN pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' " +
      "THEN 'no' ELSE 'yes' END AS writable",
  );
  if (rows[0]?.writable !== 'yes') throw new NotWritableError();
}

function connectionConfig(url: ConnectionUrl, limits: Limits): PoolConfig & { pipeline: boolean } {
  return {
    connectionString: url.reveal(),
    fallback_application_name: 'fusewire',
    connectionTimeoutMillis: limits.connectMs,
    query_timeout: limits.statementMs + ANSWER_GRACE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    // BEGIN, lock and the first statement travel together.
    pipeline: true,
    types: { getTypeParser: valueParser } as unknown as NonNullable<PoolConfig['types']>,
  };
}
