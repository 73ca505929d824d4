/**
 * The database that all replicas share: one SQLite file, one transaction at a time, and a disk that can fail. A process
 * that dies in a transaction leaves nothing of it; what was committed stays.
 */
import { clearLedgerCache, createLedgerCache } from '../../service/ledger/context.js';
import { createCatalogue } from '../../service/pricing/catalogue.js';
import {
  type Command,
  type GroupDatabase,
  type GroupResult,
  runGroup,
  type Surroundings,
} from '../../service/store/operation-group.js';
import { WRITES } from '../../service/store/operations.js';
import type { StatementName } from '../../service/store/sql.js';
import type { SqliteDatabase } from '../../service/store/sqlite/database.js';
import { asDiskTrouble } from '../../service/store/sqlite/disk-trouble.js';
import type { World } from './world.js';

/** Where in the next transaction of a replica its process is killed. */
export type Death = { readonly at: 'statement'; readonly number: number } | { readonly at: 'commit' | 'after-commit' };

/** Thrown in a transaction whose process was killed. */
export class KilledError extends Error {
  override readonly name = 'KilledError';
}

/** Events that a control meets in one transaction: few, so that fills are interrupted. */
const FILL_SLICE = 3;

/** The catalogue is the same for every process. */
const catalogueOf = lazily(createCatalogue);

/** One per world. */
export class SharedDatabase {
  readonly #world: World;
  readonly #database: SqliteDatabase;
  #busy: Promise<unknown> = Promise.resolve();
  /** Transactions that write fail, somewhere. */
  isDiskFull = false;
  commits = 0;
  /** Looks at what was committed, before anybody else does. */
  onCommit: (() => Promise<void>) | undefined;

  constructor(world: World, database: SqliteDatabase) {
    this.#world = world;
    this.#database = database;
  }

  /** What a process works with beside the database; read copies are its own, and gone with it. */
  surroundings(log: Surroundings['log']): Surroundings {
    const cache = createLedgerCache();
    const forget = (): void => clearLedgerCache(cache);
    return { log, catalogue: catalogueOf(), cache, forget, fillSlice: FILL_SLICE };
  }

  /**
   * Runs commands in one transaction. `death` says where its process is killed, if it is.
   *
   * @throws KilledError where it was; StoreError `UNAVAILABLE` where the disk is full
   */
  run(commands: readonly Command[], surroundings: Surroundings, death?: Death): Promise<GroupResult> {
    const running = this.#busy.then(() => this.#run(commands, surroundings, death));
    this.#busy = running.catch(() => undefined);
    return running;
  }

  async query(statement: StatementName, params: Record<string, string> = {}) {
    return this.#database.query(statement, params);
  }

  close(): void {
    this.#database.close();
  }

  async #run(commands: readonly Command[], surroundings: Surroundings, death: Death | undefined): Promise<GroupResult> {
    this.#world.stir();
    const writes = commands.some(({ operation }) => operation in WRITES);
    const fault = this.isDiskFull && writes ? this.#world.chance.int(1, 30) : undefined;
    try {
      return await runGroup(this.#transaction(fault, death), commands, surroundings);
    } catch (error) {
      throw asDiskTrouble(error);
    }
  }

  /** `fault`: the statement with which the disk is full, or the commit where there are fewer. */
  #transaction(fault: number | undefined, death: Death | undefined): GroupDatabase {
    const database = this.#database;
    let statements = 0;
    const step = (): void => {
      statements += 1;
      this.#world.stir();
      if (death?.at === 'statement' && statements >= death.number) throw new KilledError();
      if (fault !== undefined && statements >= fault) throw diskFull();
    };
    const exec = async (sql: string): Promise<void> => database.exec(sql);
    return {
      async query(statement, params) {
        step();
        return database.query(statement, params);
      },
      async many(statement, sets) {
        step();
        return database.many(statement, sets);
      },
      begin: () => exec('BEGIN IMMEDIATE'),
      commit: async () => {
        if (death?.at === 'commit' || death?.at === 'statement') throw new KilledError();
        if (fault !== undefined) throw diskFull();
        await exec('COMMIT');
        this.commits += 1;
        await this.onCommit?.();
        if (death !== undefined) throw new KilledError();
      },
      rollBack: () => exec('ROLLBACK').catch(() => undefined),
      savepoint: () => exec('SAVEPOINT operation'),
      releaseSavepoint: () => exec('RELEASE operation'),
      rollBackToSavepoint: () => exec('ROLLBACK TO operation; RELEASE operation'),
      explain: asDiskTrouble,
      // A killed process goes on with nothing, not with the next operation of its group.
      lost: () => (death?.at === 'statement' && statements >= death.number ? new KilledError() : undefined),
    };
  }
}

function diskFull(): Error {
  return Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
