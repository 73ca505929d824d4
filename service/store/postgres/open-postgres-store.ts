/** The store on PostgreSQL: any number of processes on one database. */
import type { Log, Runtime } from 'fusewire/internal';
import { createLedgerStore } from '../ledger-store.js';
import { FILL_SLICE } from '../operation-group.js';
import type { Store } from '../store.js';
import { ConnectionUrl } from './connection-url.js';
import { LIMITS, type Limits } from './connections.js';
import { openPostgres } from './postgres-executor.js';

/** How to open a store on PostgreSQL. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`, with TLS by its own parameters (`sslmode`…). */
  readonly url: string | ConnectionUrl;
  readonly runtime: Runtime;
  /** @defaultValue the runtime's */
  readonly log?: Log;
  /** Transactions at once, each on a connection. @defaultValue 8 */
  readonly writers?: number;
  /** Reads at once, each on a connection. @defaultValue 4 */
  readonly readers?: number;
  /** Events that a new control meets in one transaction. @defaultValue 2,000 */
  readonly fillSlice?: number;
  /** How long statements, locks and connections may take. */
  readonly limits?: Partial<Limits>;
  /** How long an operation is tried again while the database is away. @defaultValue 20,000 */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 20_000;

/**
 * Opens the store and brings its schema up to date. Besides writers and readers it holds two connections.
 *
 * @throws StoreError `UNREADABLE`, `TOO_NEW` or `TOO_OLD`, each with what to do about it
 */
export function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, writers = 8, readers = 4, fillSlice = FILL_SLICE, patienceMs = PATIENCE_MS } = options;
  const runtime = options.log === undefined ? options.runtime : { ...options.runtime, log: options.log };
  const settings = {
    url: typeof url === 'string' ? new ConnectionUrl(url) : url,
    ...{ writers, readers, fillSlice, patienceMs },
    limits: { ...LIMITS, ...options.limits },
  };
  return createLedgerStore(runtime, (listener) => openPostgres(settings, runtime, listener));
}
