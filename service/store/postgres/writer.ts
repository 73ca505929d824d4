/** Operations that change something: grouped by lane, one transaction a group, run again where others were in the way. */
import type { Log, Runtime } from 'fusewire/internal';
import type pg from 'pg';
import { clearLedgerCache, createEffects, createLedgerCache, type LedgerCache } from '../../ledger/context.js';
import type { Catalogue } from '../../pricing/catalogue.js';
import { type Command, type GroupResult, type Outcome, runGroup, type Surroundings } from '../operation-group.js';
import type { OperationName } from '../operations.js';
import { StoreError } from '../store-error.js';
import { TroubleLog } from '../trouble-log.js';
import { type Lane, Lanes } from './lanes.js';
import type { Attempts, Patience } from './patience.js';
import {
  AlreadyCommittedError,
  type CommitMark,
  type Hold,
  type PreparedTexts,
  WriteTransaction,
} from './transaction.js';
import { asServerTrouble, type Trouble, troubleOf, unavailable } from './trouble.js';

/** Operations whose first argument is a text and no team. */
const WITHOUT_TEAM: ReadonlySet<OperationName> = new Set<OperationName>(['createTeam', 'revokeKey']);

/** What a writer works with. */
export interface WriterParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly pool: pg.Pool;
  /** Connections that the pool has, and so transactions at once. */
  readonly connections: number;
  readonly texts: PreparedTexts;
  readonly catalogue: Catalogue;
  readonly fillSlice: number;
  readonly patience: Patience;
  /** Told what was committed, before it is answered. */
  told(result: GroupResult): void;
}

interface FailedAttempt {
  readonly error: unknown;
  /** `none`: another attempt would fail as this one did. */
  readonly trouble: Trouble;
  readonly begun: boolean;
  readonly unanswered: GroupResult | undefined;
}

/** Runs write operations. Of one team in order, of several beside each other. */
export class Writer {
  readonly #parts: WriterParts;
  readonly #lanes: Lanes;
  readonly #trouble: TroubleLog;
  /** Of all teams: an entry names its team, and each team is written by one transaction at a time. */
  readonly #cache: LedgerCache = createLedgerCache();
  /** Names the rows of this writer's commit marks. */
  readonly #id: string;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#id = parts.runtime.newId();
    this.#trouble = new TroubleLog(parts.log);
    this.#lanes = new Lanes(
      parts.connections,
      (lane, commands, slot) => this.#run(lane, commands, slot),
      (result) => parts.told(result),
    );
  }

  /** Resolves after the commit. @throws StoreError `UNAVAILABLE`, `BROKEN`, and what the operation throws */
  execute(operation: OperationName, input: readonly unknown[]): Promise<unknown> {
    const command: Command = { operation, input, nowMs: this.#parts.runtime.now() };
    return this.#lanes.execute(laneOf(command), command);
  }

  /** Resolves when everything that was asked for is answered. */
  idle(): Promise<void> {
    return this.#lanes.idle();
  }

  async #run(lane: Lane, commands: readonly Command[], slot: number): Promise<GroupResult> {
    const { runtime, log, patience } = this.#parts;
    const mark = { slot: `${this.#id}:${slot}`, token: runtime.newId(), atMs: runtime.now() };
    const result = await this.#persist(lane, commands, mark, patience.start());
    for (const { level, message, fields } of result.said) log[level](message, fields);
    this.#trouble.note(result.outcomes, commands);
    return result;
  }

  /** Tries until the transaction is committed, or known not to be possible. Every attempt bears the same mark. */
  async #persist(lane: Lane, commands: readonly Command[], mark: CommitMark, attempts: Attempts): Promise<GroupResult> {
    const { patience } = this.#parts;
    let unanswered: GroupResult | undefined;
    for (;;) {
      const attempt = await this.#attempt(lane, commands, mark);
      if ('result' in attempt) {
        patience.found();
        return attempt.result;
      }
      const { error } = attempt;
      if (error instanceof AlreadyCommittedError && unanswered !== undefined) {
        patience.found();
        return unanswered;
      }
      // An attempt that got as far as its own COMMIT, or to a server that answers, found the one before it undone.
      if (attempt.unanswered !== undefined) unanswered = attempt.unanswered;
      else if (attempt.begun) unanswered = undefined;
      if (attempt.trouble !== 'none' && (await attempts.again())) continue;
      if (attempt.trouble === 'lost') patience.missed();
      if (unanswered !== undefined) return failed(commands, unknownOutcome(error));
      return failed(commands, attempt.trouble === 'none' ? asServerTrouble(error) : unavailable(error));
    }
  }

  async #attempt(
    lane: Lane,
    commands: readonly Command[],
    mark: CommitMark,
  ): Promise<{ result: GroupResult } | FailedAttempt> {
    let client: pg.PoolClient;
    try {
      client = await this.#parts.pool.connect();
    } catch (error) {
      this.#forget();
      return { error, trouble: 'lost', begun: false, unanswered: undefined };
    }
    const transaction = new WriteTransaction(client, this.#parts.texts, holdOf(lane, commands), mark);
    try {
      const result = await runGroup(transaction, commands, this.#surroundings(lane));
      client.release();
      return { result };
    } catch (error) {
      const lost = transaction.lost();
      const trouble = lost === undefined ? 'none' : troubleOf(lost);
      client.release(trouble === 'lost');
      return { error, trouble, begun: transaction.begun, unanswered: transaction.unanswered };
    }
  }

  /** What an operation without a team reads of teams is not shared: others write them at the same time. */
  #surroundings(lane: Lane): Surroundings {
    const { log, catalogue, fillSlice } = this.#parts;
    const cache = lane.alone ? createLedgerCache() : this.#cache;
    const forget = (): void => (lane.alone ? clearLedgerCache(cache) : this.#forget());
    return { log, catalogue, cache, forget, fillSlice };
  }

  #forget(): void {
    clearLedgerCache(this.#cache);
  }
}

function laneOf({ operation, input }: Command): Lane {
  const [first] = input;
  if (typeof first === 'string' && !WITHOUT_TEAM.has(operation)) return { name: `team ${first}`, alone: false };
  return { name: operation, alone: true };
}

function holdOf(lane: Lane, [first]: readonly Command[]): Hold {
  if (lane.alone) return { name: lane.name };
  return { team: String(first?.input[0]) };
}

function failed(commands: readonly Command[], error: unknown): GroupResult {
  const outcomes: Outcome[] = commands.map(() => ({ ok: false, error }));
  return { outcomes, effects: createEffects(), said: [] };
}

function unknownOutcome(cause: unknown): StoreError {
  const message = 'the database did not say whether it kept this; send it again';
  return new StoreError('BROKEN', message, { cause });
}
