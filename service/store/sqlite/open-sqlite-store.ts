/** The embedded store: SQLite in one file, nothing to install. */
import type { Log, Runtime } from 'fusewire/internal';
import { createLedgerStore } from '../ledger-store.js';
import type { Store } from '../store.js';
import { openInProcess } from './in-process-executor.js';
import { type SpawnWriter, spawnWriter } from './spawn-writer.js';
import { WorkerExecutor } from './worker-executor.js';

/** How to open an embedded store. */
export interface SqliteStoreOptions {
  /** The database file; its folder is made where it is missing. */
  readonly file: string;
  /** Clock and timers; the writer thread goes by this clock too. */
  readonly runtime: Runtime;
  /** @defaultValue the runtime's */
  readonly log?: Log;
  /** Starts the writer thread. @defaultValue the thread of this installation */
  readonly spawnWorker?: SpawnWriter;
  /** Without a thread: for tools that do nothing else meanwhile. @defaultValue false */
  readonly inProcess?: boolean;
  /** Events that a new control meets in one transaction. @defaultValue 2,000 */
  readonly fillSlice?: number;
}

/**
 * Opens or creates the store. One process may have a file open; another one is refused.
 *
 * @throws StoreError `NO_DRIVER`, `LOCKED`, `TOO_NEW` or `UNREADABLE`, each with what to do about it
 */
export function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, fillSlice, inProcess = false, spawnWorker = spawnWriter } = options;
  const runtime = options.log === undefined ? options.runtime : { ...options.runtime, log: options.log };
  return createLedgerStore(runtime, async (listener) => {
    if (inProcess) return openInProcess({ file, fillSlice }, runtime, listener);
    const executor = new WorkerExecutor({ file, fillSlice }, runtime, listener, spawnWorker);
    await executor.open();
    return executor;
  });
}
