/**
 * The real ledger under the exploration: every state of the ledger's side that was reached is made with the service's own
 * operations on SQLite, and every input that was tried on it is tried there. A savepoint leads back from each.
 */
import { createRuntime, type HoldOutcome } from 'fusewire/internal';
import { createLedgerCache } from '../../../service/ledger/context.js';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { type GroupDatabase, runGroup, type Surroundings } from '../../../service/store/operation-group.js';
import type { OperationInput, OperationName, OperationOutput } from '../../../service/store/operations.js';
import { bigintOf, flagOf, numberOf, textOf } from '../../../service/store/sql.js';
import { SqliteDatabase } from '../../../service/store/sqlite/database.js';
import type { CostControl } from '../../../service/store/store.js';
import { control, event } from '../../service/store-support.js';
import {
  type Answer,
  type Ledger,
  type LedgerInput,
  type Operation,
  type Setting,
  TICK_MS,
  TTL_TICKS,
} from './protocol.js';

/** The second window begins with an hour. */
const TURN = Date.UTC(2026, 7, 19, 12);
const HOUR_MS = 3_600_000;
const HOLD_STATES = { open: 'open', closed: 'closed', expired: 'expired' } as const;

/** What the real ledger says, in the words of the protocol: what happened is not in it. */
export type Seen = Omit<Ledger, 'holds' | 'recorded'> & {
  readonly holds: readonly Omit<Ledger['holds'][number], 'leftAtExpiry' | 'drawnLate'>[];
  readonly events: number;
};

/** One database with one hard control of tokens. */
export class RealLedger {
  readonly #setting: Setting;
  readonly #database: SqliteDatabase;
  readonly #surroundings: Surroundings;
  #teamId = '';
  #control!: CostControl;
  #depth = 0;
  #nowMs: number;

  private constructor(setting: Setting, database: SqliteDatabase) {
    this.#setting = setting;
    this.#database = database;
    this.#nowMs = TURN - setting.turnsAt * TICK_MS;
    const { log } = createRuntime({}, 'CRITICAL');
    this.#surroundings = {
      log,
      catalogue: createCatalogue(),
      cache: createLedgerCache(),
      forget: () => undefined,
      fillSlice: 100,
    };
  }

  /** Opens it in `file`; nothing is ever committed. */
  static async open(setting: Setting, file: string): Promise<RealLedger> {
    const ledger = new RealLedger(setting, await SqliteDatabase.open(file));
    ledger.#database.exec('BEGIN IMMEDIATE');
    const team = await ledger.#execute('createTeam', 'Team');
    ledger.#teamId = team.id;
    ledger.#control = await ledger.#execute(
      'createControl',
      team.id,
      control({
        metricType: 'OUTPUT_TOKEN_COUNT',
        windowType: 'HOURLY',
        hardLimit: String(setting.limit),
        enforcement: 'HARD',
        onExpiry: setting.onExpiry,
        estimate: setting.need < setting.bound ? 'expected' : 'worst-case',
      }),
    );
    while ((await ledger.#execute('fillTeam', team.id)).length > 0);
    return ledger;
  }

  close(): void {
    this.#database.exec('ROLLBACK');
    this.#database.close();
  }

  /** A place to come back to. */
  mark(): { readonly depth: number; readonly nowMs: number } {
    this.#depth += 1;
    this.#database.exec(`SAVEPOINT place${this.#depth}`);
    return { depth: this.#depth, nowMs: this.#nowMs };
  }

  /** Everything since then has not happened. */
  back({ depth, nowMs }: { readonly depth: number; readonly nowMs: number }): void {
    this.#database.exec(`ROLLBACK TO place${depth}; RELEASE place${depth}`);
    this.#depth = depth - 1;
    this.#nowMs = nowMs;
  }

  /** Gives it an input. */
  async put(input: LedgerInput): Promise<Answer | undefined> {
    switch (input.op) {
      case 'tick':
        this.#nowMs += TICK_MS;
        return undefined;
      case 'sweep':
        await this.#execute('expireHolds', this.#teamId);
        return undefined;
      case 'settle':
        await this.#settle(input.call, input.hold, input.cost);
        return undefined;
      default: {
        const [outcome] = await this.#execute('operateHolds', this.#teamId, [this.#asked(input)]);
        return this.#answerOf(outcome!, input);
      }
    }
  }

  async see(): Promise<Seen> {
    const { turnsAt, holdsEach, callsEach } = this.#setting;
    const sums = { value: [0, 0], held: [0, 0], overrun: [0, 0] };
    for (const row of await this.#database.query('select-balances', { controlId: this.#control.id })) {
      const window = numberOf(row, 'window_start_ms') >= TURN ? 1 : 0;
      for (const name of ['value', 'held', 'overrun'] as const) sums[name][window]! += Number(bigintOf(row, name));
    }
    const holds: Seen['holds'][number][] = [];
    for (let at = 0; at < 2 * holdsEach; at += 1) holds.push(await this.#hold(at));
    let events = 0;
    for (let call = 0; call < 2 * callsEach; call += 1) {
      const transactionId = transactionOf(call);
      const found = await this.#database.query('select-event-by-transaction', { teamId: this.#teamId, transactionId });
      events += found.length;
    }
    return { now: Math.round((this.#nowMs - TURN) / TICK_MS) + turnsAt, ...sums, holds, events };
  }

  async #hold(at: number): Promise<Seen['holds'][number]> {
    const key = { teamId: this.#teamId, id: holdIdOf(at) };
    const [hold] = await this.#database.query('load-holds', key);
    const none = { state: 'none', window: 0, amount: 0, drawn: 0, sequence: 0, expiresAt: 0, charge: 0 } as const;
    if (hold === undefined) return { ...none, isRecalled: false };
    const [part] = await this.#database.query('load-hold-parts', key);
    if (part === undefined) throw new Error('a hold without a part');
    const { turnsAt } = this.#setting;
    return {
      state: HOLD_STATES[textOf(hold, 'state') as keyof typeof HOLD_STATES],
      window: numberOf(part, 'window_start_ms') >= TURN ? 1 : 0,
      amount: Number(bigintOf(part, 'amount')),
      drawn: Number(bigintOf(part, 'drawn')),
      sequence: numberOf(hold, 'sequence'),
      expiresAt: Math.round((numberOf(hold, 'expires_at_ms') - TURN) / TICK_MS) + turnsAt,
      charge: Number(bigintOf(part, 'charged')),
      isRecalled: flagOf(hold, 'recalled'),
    };
  }

  #asked(operation: Operation) {
    const { bound, need } = this.#setting;
    const counts = { images: 0, characters: 0, mediaSeconds: 0 };
    const worst = { inputTokensMax: 0, outputTokensMax: bound, isOutputLimited: true, ...counts };
    const call = {
      dimensions: { model: 'gpt-4o-mini', provider: 'OPENAI' },
      provider: 'OPENAI',
      modelSource: 'OPENAI',
      model: 'gpt-4o-mini',
      operationType: 'CHAT' as const,
    };
    const asking = { call, need: { worst, expected: { inputTokens: 0, outputTokens: need } }, calls: 1 };
    const id = holdIdOf(operation.hold);
    const by = (amount: number) => ({ [this.#control.id]: String(amount) });
    switch (operation.op) {
      case 'take': {
        const owner = `process ${Math.floor(operation.hold / this.#setting.holdsEach)}`;
        const ttlSeconds = (TTL_TICKS * TICK_MS) / 1_000;
        return { op: 'take' as const, id, owner, ttlSeconds, ...asking };
      }
      case 'extend':
        return { op: 'extend' as const, id, sequence: operation.sequence, missing: by(operation.amount), ...asking };
      case 'give-back':
        return { op: 'give-back' as const, id, sequence: operation.sequence, keep: by(operation.amount) };
      default:
        return { op: 'renew' as const, id, sequence: operation.sequence };
    }
  }

  #answerOf(outcome: HoldOutcome, { op }: Operation): Answer {
    const hold = outcome.outcome === 'held' || outcome.outcome === 'refused' ? outcome.hold : undefined;
    if (outcome.outcome === 'free') throw new Error(`${op}: no hard control concerns the call`);
    const part = hold?.parts[0];
    return {
      outcome: outcome.outcome,
      state: hold?.state ?? 'none',
      sequence: hold?.sequence ?? 0,
      amount: Number(part?.amount ?? 0),
      drawn: Number(part?.drawn ?? 0),
      drawFor: (hold?.drawForMs ?? 0) / TICK_MS,
      isRecalled: hold?.isRecalled ?? false,
    };
  }

  async #settle(call: number, hold: number, cost: number): Promise<void> {
    const fields = { transactionId: transactionOf(call), outputTokenCount: cost, totalTokenCount: cost };
    // The same bytes whenever it is delivered.
    const incoming = event(TURN - HOUR_MS / 2, { ...fields, requestTime: undefined, holdId: holdIdOf(hold) });
    const facts = eventFactsOf({ ...incoming, receivedAtMs: this.#nowMs });
    const [outcome] = await this.#execute('record', this.#teamId, [{ facts, key: undefined }]);
    if (outcome?.state !== 'recorded') throw new Error(`an event was not recorded: ${JSON.stringify(outcome)}`);
  }

  async #execute<N extends OperationName>(operation: N, ...input: OperationInput<N>): Promise<OperationOutput<N>> {
    const command = { operation, input, nowMs: this.#nowMs };
    const { outcomes } = await runGroup(transactionOn(this.#database), [command], this.#surroundings);
    const [outcome] = outcomes;
    if (outcome === undefined || !outcome.ok) throw outcome?.error ?? new Error('an operation without an outcome');
    return outcome.value as OperationOutput<N>;
  }
}

/** A part of the one transaction that is never committed. */
function transactionOn(database: SqliteDatabase): GroupDatabase {
  const exec = async (sql: string): Promise<void> => database.exec(sql);
  return {
    query: (statement, params) => database.query(statement, params),
    many: (statement, sets) => database.many(statement, sets),
    begin: () => exec('SAVEPOINT inner'),
    commit: () => exec('RELEASE inner'),
    rollBack: () => exec('ROLLBACK TO inner; RELEASE inner'),
    savepoint: () => exec('SAVEPOINT operation'),
    releaseSavepoint: () => exec('RELEASE operation'),
    rollBackToSavepoint: () => exec('ROLLBACK TO operation; RELEASE operation'),
    explain: (error) => error,
    lost: () => undefined,
  };
}

function holdIdOf(hold: number): string {
  return `00000000-0000-7000-8000-00000000000${hold}`;
}

function transactionOf(call: number): string {
  return `call-${call}`;
}
