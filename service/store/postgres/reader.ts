/** Operations that change nothing: beside the writers, each on a snapshot of its own. */
import type { Log, Runtime } from 'fusewire/internal';
import type pg from 'pg';
import { BalanceBook } from '../../ledger/balance-book.js';
import {
  clearLedgerCache,
  createEffects,
  createLedgerCache,
  type LedgerCache,
  type LedgerContext,
} from '../../ledger/context.js';
import type { Catalogue } from '../../pricing/catalogue.js';
import { operationOf } from '../operation-group.js';
import type { OperationName } from '../operations.js';
import { StoreError } from '../store-error.js';
import type { Patience } from './patience.js';
import { type PreparedTexts, SessionSql } from './transaction.js';
import { asServerTrouble, troubleOf, unavailable } from './trouble.js';

/** What a reader works with. */
export interface ReaderParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly pool: pg.Pool;
  readonly texts: PreparedTexts;
  readonly catalogue: Catalogue;
  readonly fillSlice: number;
  readonly patience: Patience;
}

/** Reads that wait for a connection; more are told to come back (I10). */
const WAITING_MAX = 4_096;

/** Runs read operations, as many at once as the pool has connections. */
export class Reader {
  readonly #parts: ReaderParts;
  /** Never the writers': it knows only what was committed. */
  readonly #cache: LedgerCache = createLedgerCache();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** @throws StoreError `UNAVAILABLE`, and what the operation throws */
  async execute(operation: OperationName, input: readonly unknown[]): Promise<unknown> {
    if (this.#underWay.size >= WAITING_MAX) {
      throw new StoreError('UNAVAILABLE', 'too many operations wait for the database');
    }
    const reading = this.#persist(operation, input);
    const settled = reading.then(
      () => undefined,
      () => undefined,
    );
    this.#underWay.add(settled);
    void settled.then(() => this.#underWay.delete(settled));
    return reading;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #persist(operation: OperationName, input: readonly unknown[]): Promise<unknown> {
    const { patience } = this.#parts;
    const attempts = patience.start();
    for (;;) {
      let session: SessionSql | undefined;
      try {
        const client = await this.#parts.pool.connect();
        session = new SessionSql(client, this.#parts.texts);
        const value = await this.#read(client, session, operation, input);
        patience.found();
        return value;
      } catch (error) {
        const lost = session === undefined ? error : session.lost();
        // What the snapshot held may not be so any more after a switch to another server.
        clearLedgerCache(this.#cache);
        if (lost === undefined) throw asServerTrouble(error);
        if (await attempts.again()) continue;
        patience.missed();
        throw unavailable(lost);
      }
    }
  }

  async #read(
    client: pg.PoolClient,
    session: SessionSql,
    operation: OperationName,
    input: readonly unknown[],
  ): Promise<unknown> {
    // Travels with the first statement; what it fails with, that one fails with too.
    const begun = session.watch(client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'));
    begun.catch(() => undefined);
    try {
      const value = await operationOf(operation)(this.#contextOn(session), ...input);
      await begun;
      return value;
    } finally {
      const lost = session.lost();
      if (lost !== undefined && troubleOf(lost) === 'lost') client.release(true);
      else {
        // Nobody waits for the end of a transaction that changed nothing.
        client.query('ROLLBACK').then(
          () => client.release(),
          () => client.release(true),
        );
      }
    }
  }

  #contextOn(session: SessionSql): LedgerContext {
    const { runtime, log, catalogue, fillSlice } = this.#parts;
    const book = new BalanceBook(session);
    return {
      sql: book,
      balances: book,
      nowMs: runtime.now(),
      newId: () => runtime.newId(),
      log,
      catalogue,
      cache: this.#cache,
      effects: createEffects(),
      fillSlice,
    };
  }
}
