/** The engine on PostgreSQL: writers by team, readers on snapshots, and an ear for what other replicas do. */
import type { Runtime } from 'fusewire/internal';
import type pg from 'pg';
import { createCatalogue } from '../../pricing/catalogue.js';
import type { GroupResult } from '../operation-group.js';
import {
  type EffectsListener,
  type Executor,
  type OperationInput,
  type OperationName,
  type OperationOutput,
  READS,
} from '../operations.js';
import { readMigrations, readStatements } from '../statements.js';
import { StoreError } from '../store-error.js';
import type { ConnectionUrl } from './connection-url.js';
import { createClient, createPool, type Limits } from './connections.js';
import { migrate } from './migrate.js';
import { prepareText } from './parameters.js';
import { Patience } from './patience.js';
import { Reader } from './reader.js';
import type { PreparedTexts } from './transaction.js';
import { isFutile, wordsOf } from './trouble.js';
import { Watcher } from './watcher.js';
import { Writer } from './writer.js';

/** How an executor is set up; all of it has a default in {@link openPostgresStore}. */
export interface PostgresSettings {
  readonly url: ConnectionUrl;
  readonly writers: number;
  readonly readers: number;
  readonly fillSlice: number;
  readonly limits: Limits;
  /** How long a transaction is tried again. */
  readonly patienceMs: number;
}

/** Connects and migrates. @throws StoreError `UNREADABLE`, `TOO_NEW`, `TOO_OLD`, each with what to do about it */
export async function openPostgres(
  settings: PostgresSettings,
  runtime: Runtime,
  listener: EffectsListener,
): Promise<Executor> {
  const { url, limits } = settings;
  const pools = [settings.writers, settings.readers, 1].map((max) => createPool(url, max, limits, runtime.log));
  const [writePool, readPool, watchPool] = pools as [(typeof pools)[0], (typeof pools)[0], (typeof pools)[0]];
  const endAll = async (): Promise<void> => void (await Promise.all(pools.map((pool) => pool.end())));
  const patience = new Patience(runtime, settings.patienceMs);
  try {
    await migratePatiently(writePool, runtime, patience, url);
  } catch (error) {
    await endAll();
    if (error instanceof StoreError) throw error;
    throw new StoreError('UNREADABLE', `the database ${url} cannot be opened: ${wordsOf(error)}`, { cause: error });
  }
  const texts: PreparedTexts = new Map(
    [...readStatements('postgres')].map(([name, sql]) => [name, prepareText(sql)] as const),
  );
  const shared = { runtime, log: runtime.log, texts, catalogue: createCatalogue(), patience };
  const told = (result: GroupResult): void => {
    for (const [teamId, revision] of result.effects.moved) listener.moved(teamId, revision);
    for (const teamId of result.effects.touched) listener.touched(teamId);
  };
  const { fillSlice } = settings;
  const writer = new Writer({ ...shared, pool: writePool, connections: settings.writers, fillSlice, told });
  const reader = new Reader({ ...shared, pool: readPool, fillSlice });
  const connect = () => createClient(url, limits);
  const watcher = new Watcher({ runtime, log: runtime.log, pool: watchPool, limits, listener, connect });
  await watcher.start();
  return new PostgresExecutor(writer, reader, watcher, endAll);
}

/** A database that is just being started, or restarted, is waited for. */
async function migratePatiently(
  pool: pg.Pool,
  runtime: Runtime,
  patience: Patience,
  url: ConnectionUrl,
): Promise<void> {
  const attempts = patience.start();
  for (let said = false; ; said = true) {
    try {
      const client = await pool.connect();
      let broken = true;
      try {
        await migrate(client, readMigrations('postgres'), runtime.now());
        broken = false;
      } finally {
        client.release(broken);
      }
      return;
    } catch (error) {
      if (error instanceof StoreError || isFutile(error) || !(await attempts.again())) throw error;
      if (!said)
        runtime.log.warn('the database cannot be opened yet; trying again', { url: `${url}`, error: wordsOf(error) });
    }
  }
}

/** States: open → closed. Closing waits for what was asked for. */
class PostgresExecutor implements Executor {
  readonly #writer: Writer;
  readonly #reader: Reader;
  readonly #watcher: Watcher;
  readonly #endAll: () => Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(writer: Writer, reader: Reader, watcher: Watcher, endAll: () => Promise<void>) {
    this.#writer = writer;
    this.#reader = reader;
    this.#watcher = watcher;
    this.#endAll = endAll;
  }

  execute<N extends OperationName>(operation: N, ...input: OperationInput<N>): Promise<OperationOutput<N>> {
    if (this.#closed !== undefined) return Promise.reject(new StoreError('CLOSED', 'the store is closed'));
    const side = operation in READS ? this.#reader : this.#writer;
    return side.execute(operation, input) as Promise<OperationOutput<N>>;
  }

  isFresh(): boolean {
    return this.#watcher.isFresh();
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await Promise.all([this.#writer.idle(), this.#reader.idle(), this.#watcher.stop()]);
    await this.#endAll();
  }
}
