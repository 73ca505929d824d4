/** Group commit: whatever waits is executed in one transaction and answered after its one flush. */
import { type Log, uuidv7 } from 'fusewire/internal';
import { BalanceBook } from '../../ledger/balance-book.js';
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
import { StoreError } from '../store-error.js';
import type { SqliteDatabase } from './database.js';
import { asDiskTrouble } from './disk-trouble.js';

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

/** Events that a control meets in one transaction: some 20 ms, during which nobody else is served. */
const FILL_SLICE = 2_000;

function isTrouble(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'UNAVAILABLE';
}

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** Executes groups of operations on one database, one group at a time. */
export class CommitGroup {
  readonly #database: SqliteDatabase;
  readonly #log: Log;
  readonly #cache: LedgerCache = createLedgerCache();
  readonly #catalogue = createCatalogue();
  readonly #fillSlice: number;
  #said: LogLine[] = [];
  #troubled = false;

  constructor(database: SqliteDatabase, log: Log, fillSlice: number = FILL_SLICE) {
    this.#database = database;
    this.#fillSlice = fillSlice;
    this.#log = log;
  }

  /**
   * Executes the commands in order in one transaction. Resolves after the commit; if that fails, every command failed.
   * Operations seldom fail, so the group is run without a way to undo one of them; where one does, all is rolled back
   * and run again, each behind a savepoint.
   */
  async run(commands: readonly Command[]): Promise<GroupResult> {
    const result = (await this.#attempt(commands, false)) ?? (await this.#attempt(commands, true));
    if (result === undefined) throw new Error('a group with savepoints has a result');
    for (const { level, message, fields } of this.#said) this.#log[level](message, fields);
    this.#sayTrouble(result.outcomes, commands);
    return result;
  }

  /** Once when it begins and once when it is over (I10): a full disk fails every event, and its log may be on it. */
  #sayTrouble(outcomes: readonly Outcome[], commands: readonly Command[]): void {
    const failed = outcomes.find((outcome) => !outcome.ok && isTrouble(outcome.error));
    if ((failed !== undefined) === this.#troubled) return;
    // Reading works on a full disk: only events that were kept show that it is over.
    if (failed === undefined && !commands.some(({ operation }) => operation.startsWith('record'))) return;
    this.#troubled = failed !== undefined;
    if (failed !== undefined && !failed.ok) {
      this.#log.error('the database takes no writes; events are told to come back', { error: String(failed.error) });
    } else this.#log.info('the database takes writes again');
  }

  /** `undefined`: an operation failed and cannot be undone alone; nothing happened. */
  async #attempt(commands: readonly Command[], savepoints: boolean): Promise<GroupResult | undefined> {
    const database = this.#database;
    const effects = createEffects();
    const outcomes: Outcome[] = [];
    this.#said = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      const shared = new BalanceBook(database);
      for (const command of commands) {
        const outcome = savepoints
          ? await this.#runAlone(command, effects)
          : await this.#runOne(command, effects, shared);
        if (!outcome.ok && !savepoints) {
          this.#rollBack();
          return undefined;
        }
        outcomes.push(outcome);
      }
      await shared.flush();
      database.exec('COMMIT');
      return { outcomes, effects };
    } catch (cause) {
      const error = asDiskTrouble(cause);
      this.#rollBack();
      return { outcomes: commands.map(() => ({ ok: false, error })), effects: createEffects() };
    }
  }

  #rollBack(): void {
    clearLedgerCache(this.#cache);
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself (disk full, I/O error): there is no transaction to end.
    }
  }

  async #runAlone(command: Command, effects: Effects): Promise<Outcome> {
    const database = this.#database;
    database.exec('SAVEPOINT operation');
    const book = new BalanceBook(database);
    const said = this.#said.length;
    const outcome = await this.#runOne(command, effects, book);
    if (outcome.ok) {
      await book.flush();
      database.exec('RELEASE operation');
    } else {
      // What it remembered of its own writes is not there any more.
      clearLedgerCache(this.#cache);
      this.#said.length = said;
      database.exec('ROLLBACK TO operation; RELEASE operation');
    }
    return outcome;
  }

  async #runOne(command: Command, groupEffects: Effects, book: BalanceBook): Promise<Outcome> {
    const effects = createEffects();
    const context: LedgerContext = {
      sql: book,
      balances: book,
      nowMs: command.nowMs,
      newId: () => uuidv7(command.nowMs),
      log: this.#buffer,
      catalogue: this.#catalogue,
      cache: this.#cache,
      effects,
      fillSlice: this.#fillSlice,
    };
    const run = OPERATIONS[command.operation] as (context: LedgerContext, ...input: unknown[]) => Promise<unknown>;
    try {
      const value = await run(context, ...command.input);
      for (const [teamId, revision] of effects.moved) groupEffects.moved.set(teamId, revision);
      for (const teamId of effects.touched) groupEffects.touched.add(teamId);
      return { ok: true, value };
    } catch (error) {
      return { ok: false, error: asDiskTrouble(error) };
    }
  }

  /** What an operation says is said when it is kept: a group may be run twice. */
  readonly #buffer: Log = {
    debug: (message, fields) => void this.#said.push({ level: 'debug', message, fields }),
    info: (message, fields) => void this.#said.push({ level: 'info', message, fields }),
    warn: (message, fields) => void this.#said.push({ level: 'warn', message, fields }),
    error: (message, fields) => void this.#said.push({ level: 'error', message, fields }),
    isDebug: () => this.#log.isDebug(),
  };
}
