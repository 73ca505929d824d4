/** A transaction on one connection: statements by name, and what ended it. */
import type { ClientBase } from 'pg';
import type { GroupDatabase, GroupResult } from '../operation-group.js';
import type { Sql, SqlParams, SqlRow, StatementName } from '../sql.js';
import { type BoundValue, bindMany, bindOne, type PreparedText } from './parameters.js';
import { asServerTrouble, troubleOf } from './trouble.js';

/** All statements of the store, translated. */
export type PreparedTexts = ReadonlyMap<StatementName, PreparedText>;

/** Runs statements on a connection; each is prepared there once. */
export class SessionSql implements Sql {
  readonly #client: ClientBase;
  readonly #texts: PreparedTexts;
  #ended: unknown;

  constructor(client: ClientBase, texts: PreparedTexts) {
    this.#client = client;
    this.#texts = texts;
  }

  async query(statement: StatementName, params: SqlParams = {}): Promise<readonly SqlRow[]> {
    const prepared = this.#textOf(statement);
    return this.#run(statement, prepared, bindOne(prepared, params));
  }

  async many(statement: StatementName, sets: readonly SqlParams[]): Promise<readonly SqlRow[]> {
    if (sets.length === 0) return [];
    const prepared = this.#textOf(statement);
    if (prepared.arrays.size > 0) return this.#run(statement, prepared, bindMany(prepared, sets));
    const rows: SqlRow[] = [];
    for (const params of sets) {
      for (const row of await this.#run(statement, prepared, bindOne(prepared, params))) rows.push(row);
    }
    return rows;
  }

  /** What ended the transaction, if something did. */
  lost(): unknown {
    return this.#ended;
  }

  /** Runs what is no named statement, and notes what it fails with. */
  async watch<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === 'lost' || trouble === 'again') this.#ended ??= error;
      throw error;
    }
  }

  #textOf(statement: StatementName): PreparedText {
    const prepared = this.#texts.get(statement);
    if (prepared === undefined) throw new Error(`there is no statement ${statement}`);
    return prepared;
  }

  async #run(name: StatementName, { text }: PreparedText, values: readonly BoundValue[]): Promise<readonly SqlRow[]> {
    const { rows } = await this.watch(this.#client.query<SqlRow>({ name, text, values: values as unknown[] }));
    return rows;
  }
}

/** What a transaction holds while it runs, so that nobody else works on the same. */
export type Hold =
  /** The row of a team: over all replicas one transaction at a time has it. */
  | { readonly team: string }
  /** A name: over all replicas one transaction at a time has it. */
  | { readonly name: string };

/**
 * The trace that a transaction leaves, so that whoever lost the answer to its COMMIT finds out: the row of `slot` holds
 * `token` exactly if a transaction with this token was committed.
 */
export interface CommitMark {
  readonly slot: string;
  readonly token: string;
  readonly atMs: number;
}

/** An earlier attempt under the same token was committed: its answer was lost, not its work. */
export class AlreadyCommittedError extends Error {
  override readonly name = 'AlreadyCommittedError';

  constructor() {
    super('this transaction was committed before');
  }
}

/** An earlier attempt that is not ended yet holds the row: this waits for it. */
const MARK = {
  name: 'commit-mark',
  text: `INSERT INTO commit_mark (slot, token, at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (slot) DO UPDATE SET token = excluded.token, at_ms = excluded.at_ms
    WHERE commit_mark.token <> excluded.token
    RETURNING slot`,
};
/** Not FOR UPDATE: rows that refer to the team by a foreign key are made meanwhile. */
const HOLD_TEAM = { name: 'hold-team', text: 'SELECT id FROM team WHERE id = $1 FOR NO KEY UPDATE' };
const HOLD_NAME = { name: 'hold-name', text: "SELECT pg_advisory_xact_lock(hashtextextended('fusewire ' || $1, 0))" };

/** A transaction for a group of operations. */
export class WriteTransaction extends SessionSql implements GroupDatabase {
  readonly #client: ClientBase;
  readonly #hold: Hold;
  readonly #mark: CommitMark;
  /** What this transaction did, where it may have been committed without our knowing. */
  unanswered: GroupResult | undefined;
  /** It found its mark free: no transaction of the same token was committed before. */
  begun = false;

  constructor(client: ClientBase, texts: PreparedTexts, hold: Hold, mark: CommitMark) {
    super(client, texts);
    this.#client = client;
    this.#hold = hold;
    this.#mark = mark;
  }

  /** Statements see what was committed before them; the lock comes first, so nothing of the team changes meanwhile. */
  async begin(): Promise<void> {
    const { slot, token, atMs } = this.#mark;
    const client = this.#client;
    const hold = this.#hold;
    // One round trip for all. The mark comes before the lock: an attempt that may still be under way holds both.
    const sent = [
      client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE'),
      client.query({ ...MARK, values: [slot, token, String(atMs)] }),
      'team' in hold
        ? client.query({ ...HOLD_TEAM, values: [hold.team] })
        : client.query({ ...HOLD_NAME, values: [hold.name] }),
    ];
    const [, marked] = await this.watch(Promise.all(sent));
    if (marked?.rows.length === 0) throw new AlreadyCommittedError();
    this.begun = true;
  }

  async commit(result: GroupResult): Promise<void> {
    try {
      const { command } = await this.watch(this.#client.query('COMMIT'));
      // A transaction in which a statement failed is rolled back by COMMIT, without an error.
      if (command !== 'COMMIT') throw new Error('the transaction was rolled back: a statement of it had failed');
    } catch (error) {
      // The server undoes what it reports; whoever ended the connection may have done so after the commit.
      if (this.lost() === error && troubleOf(error) === 'lost') this.unanswered = result;
      throw error;
    }
  }

  async rollBack(): Promise<void> {
    // What does not answer any more is given away, and its server undoes what was not committed.
    const lost = this.lost();
    if (lost !== undefined && troubleOf(lost) === 'lost') return;
    await this.watch(this.#client.query('ROLLBACK')).catch(() => undefined);
  }

  async savepoint(): Promise<void> {
    await this.watch(this.#client.query('SAVEPOINT operation'));
  }

  async releaseSavepoint(): Promise<void> {
    await this.watch(this.#client.query('RELEASE SAVEPOINT operation'));
  }

  async rollBackToSavepoint(): Promise<void> {
    await this.watch(this.#client.query('ROLLBACK TO SAVEPOINT operation; RELEASE SAVEPOINT operation'));
  }

  explain(error: unknown): unknown {
    return asServerTrouble(error);
  }
}
