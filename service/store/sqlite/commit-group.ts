/** Group commit on SQLite: one connection, one group at a time. */
import type { Log } from 'fusewire/internal';
import { clearLedgerCache, createEffects, createLedgerCache } from '../../ledger/context.js';
import { createCatalogue } from '../../pricing/catalogue.js';
import {
  type Command,
  FILL_SLICE,
  type GroupDatabase,
  type GroupResult,
  type Outcome,
  runGroup,
  type Surroundings,
} from '../operation-group.js';
import { TroubleLog } from '../trouble-log.js';
import type { SqliteDatabase } from './database.js';
import { asDiskTrouble } from './disk-trouble.js';

export type { Command, GroupResult, Outcome } from '../operation-group.js';

/** Executes groups of operations on one database, one group at a time. */
export class CommitGroup {
  readonly #database: GroupDatabase;
  readonly #surroundings: Surroundings;
  readonly #log: Log;
  readonly #trouble: TroubleLog;

  constructor(database: SqliteDatabase, log: Log, fillSlice: number = FILL_SLICE) {
    this.#database = transactionOf(database);
    const cache = createLedgerCache();
    const forget = (): void => clearLedgerCache(cache);
    this.#surroundings = { log, catalogue: createCatalogue(), cache, forget, fillSlice };
    this.#log = log;
    this.#trouble = new TroubleLog(log);
  }

  /** Executes the commands in order in one transaction. Resolves after the commit; if that fails, every command failed. */
  async run(commands: readonly Command[]): Promise<GroupResult> {
    const result = await runGroup(this.#database, commands, this.#surroundings).catch((cause: unknown) => {
      const error = asDiskTrouble(cause);
      const outcomes: Outcome[] = commands.map(() => ({ ok: false, error }));
      return { outcomes, effects: createEffects(), said: [] };
    });
    for (const { level, message, fields } of result.said) this.#log[level](message, fields);
    this.#trouble.note(result.outcomes, commands);
    return result;
  }
}

function transactionOf(database: SqliteDatabase): GroupDatabase {
  const exec = async (sql: string): Promise<void> => database.exec(sql);
  return {
    query: (statement, params) => database.query(statement, params),
    many: (statement, sets) => database.many(statement, sets),
    begin: () => exec('BEGIN IMMEDIATE'),
    commit: () => exec('COMMIT'),
    // SQLite has rolled back by itself on a full disk or an I/O error: there is no transaction to end then.
    rollBack: () => exec('ROLLBACK').catch(() => undefined),
    savepoint: () => exec('SAVEPOINT operation'),
    releaseSavepoint: () => exec('RELEASE operation'),
    rollBackToSavepoint: () => exec('ROLLBACK TO operation; RELEASE operation'),
    explain: asDiskTrouble,
    lost: () => undefined,
  };
}
