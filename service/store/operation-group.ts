/** Group commit: whatever waits is executed in one transaction and answered after its one flush. On any database. */
import { type Log, uuidv7 } from 'fusewire/internal';
import { writeFeedChanges } from '../compile/feed-changes.js';
import { BalanceBook } from '../ledger/balance-book.js';
import { createEffects, type Effects, type LedgerCache, type LedgerContext } from '../ledger/context.js';
import { writeEnforcement } from '../ledger/enforcement-log.js';
import type { Catalogue } from '../pricing/catalogue.js';
import { OPERATIONS, type OperationName } from './operations.js';
import type { Sql } from './sql.js';

/** One operation that waits. `nowMs` is the clock of who asked. */
export interface Command {
  readonly operation: OperationName;
  readonly input: readonly unknown[];
  readonly nowMs: number;
}

/** How one operation ended. An operation that failed left no trace; the others of its group are not harmed. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** What a group did, and what its operations said meanwhile: to be said when it is kept, for a group may run twice. */
export interface GroupResult {
  readonly outcomes: readonly Outcome[];
  readonly effects: Effects;
  readonly said: readonly LogLine[];
}

/** A line that waits for the commit. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | undefined;
}

/** One transaction of a database, as a group needs it. */
export interface GroupDatabase extends Sql {
  begin(): Promise<void>;
  /** `result` is what is told if it goes through. */
  commit(result: GroupResult): Promise<void>;
  /** Never rejects: where there is nothing to end, nothing happens. */
  rollBack(): Promise<void>;
  savepoint(): Promise<void>;
  releaseSavepoint(): Promise<void>;
  rollBackToSavepoint(): Promise<void>;
  /** The error as callers of the store know it. */
  explain(error: unknown): unknown;
  /** What ended the whole transaction under an operation (a connection, a deadlock); `undefined` where it goes on. */
  lost(): unknown;
}

/** What operations work with beside the transaction. */
export interface Surroundings {
  readonly log: Log;
  readonly catalogue: Catalogue;
  readonly cache: LedgerCache;
  /** Forgets what was read or written in a transaction that did not happen. */
  forget(): void;
  readonly fillSlice: number;
}

/** Events that a control meets in one transaction: some 20 ms, during which nobody else is served. */
export const FILL_SLICE = 2_000;

/**
 * Executes the commands in order in one transaction. Resolves after the commit. Operations seldom fail, so the group is
 * run without a way to undo one of them; where one does, all is rolled back and run again, each behind a savepoint.
 *
 * @throws whatever kept the transaction from beginning, going on or being committed; then every command failed
 */
export async function runGroup(
  database: GroupDatabase,
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<GroupResult> {
  const quick = await attempt(database, commands, surroundings, false);
  if (quick !== undefined) return quick;
  const careful = await attempt(database, commands, surroundings, true);
  if (careful === undefined) throw new Error('a group with savepoints has a result');
  return careful;
}

/** `undefined`: an operation failed and cannot be undone alone; nothing happened. */
async function attempt(
  database: GroupDatabase,
  commands: readonly Command[],
  surroundings: Surroundings,
  savepoints: boolean,
): Promise<GroupResult | undefined> {
  const group = { outcomes: [] as Outcome[], effects: createEffects(), said: [] as LogLine[] };
  try {
    await database.begin();
    const shared = new BalanceBook(database);
    for (const command of commands) {
      const outcome = savepoints
        ? await runAlone(database, command, surroundings, group)
        : await runOne(database, command, surroundings, group, shared);
      if (!outcome.ok && !savepoints) {
        surroundings.forget();
        await database.rollBack();
        // Alone in its transaction it is undone with it.
        return commands.length === 1 ? { outcomes: [outcome], effects: createEffects(), said: [] } : undefined;
      }
      group.outcomes.push(outcome);
    }
    await shared.flush();
    await database.commit(group);
    return group;
  } catch (error) {
    surroundings.forget();
    await database.rollBack();
    throw error;
  }
}

type OpenGroup = { outcomes: Outcome[]; effects: Effects; said: LogLine[] };

async function runAlone(
  database: GroupDatabase,
  command: Command,
  surroundings: Surroundings,
  group: OpenGroup,
): Promise<Outcome> {
  await database.savepoint();
  const book = new BalanceBook(database);
  const said = group.said.length;
  const outcome = await runOne(database, command, surroundings, group, book);
  if (outcome.ok) {
    await book.flush();
    await database.releaseSavepoint();
  } else {
    // What it remembered of its own writes is not there any more.
    surroundings.forget();
    group.said.length = said;
    await database.rollBackToSavepoint();
  }
  return outcome;
}

/** @throws what ended the transaction, where that is why the operation failed */
async function runOne(
  database: GroupDatabase,
  command: Command,
  { log, catalogue, cache, fillSlice }: Surroundings,
  group: OpenGroup,
  book: BalanceBook,
): Promise<Outcome> {
  const effects = createEffects();
  const context: LedgerContext = {
    sql: book,
    balances: book,
    nowMs: command.nowMs,
    newId: () => uuidv7(command.nowMs),
    log: keepFor(group.said, log),
    catalogue,
    cache,
    effects,
    fillSlice,
  };
  try {
    const value = await operationOf(command.operation)(context, ...command.input);
    await writeEnforcement(context);
    await writeFeedChanges(context);
    for (const [teamId, revision] of effects.moved) group.effects.moved.set(teamId, revision);
    for (const teamId of effects.touched) group.effects.touched.add(teamId);
    return { ok: true, value };
  } catch (error) {
    const lost = database.lost();
    if (lost !== undefined) throw lost;
    return { ok: false, error: database.explain(error) };
  }
}

/** An operation by its name, as what every one of them is. */
export function operationOf(name: OperationName): (context: LedgerContext, ...input: unknown[]) => Promise<unknown> {
  return OPERATIONS[name] as (context: LedgerContext, ...input: unknown[]) => Promise<unknown>;
}

function keepFor(said: LogLine[], log: Log): Log {
  const at = (level: LogLine['level']) => (message: string, fields?: Record<string, unknown>) =>
    void said.push({ level, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), isDebug: () => log.isDebug() };
}
