/** Group commit: whatever waits is executed in one transaction and answered after its one flush. */
import { type Log, uuidv7 } from 'fusewire/internal';
import {
  clearLedgerCache,
  createEffects,
  createLedgerCache,
  type Effects,
  type LedgerCache,
  type LedgerContext,
} from '../../ledger/context.js';
import { createCatalogue } from '../../pricing/catalogue.js';
import { OPERATIONS, type OperationName } from '../operations.js';
import type { SqliteDatabase } from './database.js';

/** One operation that waits. `nowMs` is the clock of who asked. */
export interface Command {
  readonly operation: OperationName;
  readonly input: readonly unknown[];
  readonly nowMs: number;
}

/** How one operation ended. An operation that failed left no trace; the others of its group are not harmed. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** What a group did. */
export interface GroupResult {
  readonly outcomes: readonly Outcome[];
  readonly effects: Effects;
}

/** Executes groups of operations on one database, one group at a time. */
export class CommitGroup {
  readonly #database: SqliteDatabase;
  readonly #log: Log;
  readonly #cache: LedgerCache = createLedgerCache();
  readonly #catalogue = createCatalogue();

  constructor(database: SqliteDatabase, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /**
   * Executes the commands in order, each behind a savepoint of one transaction. Resolves after the commit; if that
   * fails, every command failed.
   */
  async run(commands: readonly Command[]): Promise<GroupResult> {
    const database = this.#database;
    const effects = createEffects();
    const outcomes: Outcome[] = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const command of commands) outcomes.push(await this.#runOne(command, effects));
      database.exec('COMMIT');
      return { outcomes, effects };
    } catch (error) {
      clearLedgerCache(this.#cache);
      try {
        database.exec('ROLLBACK');
      } catch {
        // SQLite has rolled back by itself (disk full, I/O error): there is no transaction to end.
      }
      return { outcomes: commands.map(() => ({ ok: false, error })), effects: createEffects() };
    }
  }

  async #runOne(command: Command, groupEffects: Effects): Promise<Outcome> {
    const database = this.#database;
    const effects = createEffects();
    const context: LedgerContext = {
      sql: database,
      nowMs: command.nowMs,
      newId: () => uuidv7(command.nowMs),
      log: this.#log,
      catalogue: this.#catalogue,
      cache: this.#cache,
      effects,
    };
    const run = OPERATIONS[command.operation] as (context: LedgerContext, ...input: unknown[]) => Promise<unknown>;
    database.exec('SAVEPOINT operation');
    try {
      const value = await run(context, ...command.input);
      database.exec('RELEASE operation');
      for (const [teamId, revision] of effects.moved) groupEffects.moved.set(teamId, revision);
      for (const teamId of effects.touched) groupEffects.touched.add(teamId);
      return { ok: true, value };
    } catch (error) {
      // What it remembered of its own writes is not there any more.
      clearLedgerCache(this.#cache);
      database.exec('ROLLBACK TO operation; RELEASE operation');
      return { ok: false, error };
    }
  }
}
