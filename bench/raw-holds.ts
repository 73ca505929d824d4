/**
 * Raw transactions of the shape that holds have, for bench/holds-ledger.bench.ts: the driver and the settings of the
 * service on its own tables and indexes. Nothing is checked, computed or looked up.
 */
import { built } from './built.js';
import { columnOf } from './raw-sqlite.js';

/** The rows of one hold. */
export interface RawHold {
  readonly id: string;
  readonly call: string;
}

/** The rows of one event that names a hold. */
export interface RawSettlement {
  readonly holdId: string;
  readonly event: Readonly<Record<string, string | number | bigint | null>>;
}

/** What all rows have in common. */
export interface RawTerms {
  readonly teamId: string;
  readonly controlId: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly nowMs: number;
  /** What one call holds and costs. */
  readonly amount: number;
}

/** Each method is one transaction. */
export interface RawHolds {
  /** `calls`: of each hold. */
  take(holds: readonly RawHold[], calls: number, terms: RawTerms): void;
  settle(events: readonly RawSettlement[], terms: RawTerms): void;
  close(): void;
}

const INSERT_HOLD = `INSERT INTO hold
  (team_id, id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call)
  VALUES (:teamId, :id, 'bench', 'open', 0, 120000, :nowMs, :nowMs + 120000, NULL, 0, :call)`;
const INSERT_PART = `INSERT INTO hold_part (team_id, hold_id, control_id, group_key, window_start_ms, window_end_ms,
  amount, drawn, charged, charge_version, overrun, state, live)
  VALUES (:teamId, :id, :controlId, '', :windowStartMs, :windowEndMs, :amount, 0, 0, 0, 0, 'open', 1)`;
const MOVE_BALANCE = `UPDATE balance SET value = value + :value, held = held + :held
  WHERE control_id = :controlId AND window_start_ms = :windowStartMs AND group_key = ''`;
const INSERT_PRICE = `INSERT INTO price_entry
  (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms)
  VALUES (:id, 1, :amount, 'known', 'recorded', 'raw', :nowMs)`;
const DRAW_PART = `UPDATE hold_part SET drawn = drawn + :amount
  WHERE team_id = :teamId AND hold_id = :holdId AND control_id = :controlId`;

type Values = Readonly<Record<string, string | number | bigint | null>>;

/** Opens a file that the service has made, with a control whose balance has a row. */
export async function openRawHolds(file: string): Promise<RawHolds> {
  const { openDriver } = await built<typeof import('../service/store/sqlite/driver.js')>('store/sqlite/driver.js');
  const driver = await openDriver(file);
  driver.exec(`PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;`);
  const insertHold = driver.prepare(INSERT_HOLD);
  const insertPart = driver.prepare(INSERT_PART);
  const moveBalance = driver.prepare(MOVE_BALANCE);
  const insertPrice = driver.prepare(INSERT_PRICE);
  const drawPart = driver.prepare(DRAW_PART);
  let insertEvent: ReturnType<typeof driver.prepare> | undefined;
  const all = (statement: ReturnType<typeof driver.prepare>, values: Values) => statement.all(bind(values));
  return {
    take(holds, calls, { teamId, controlId, windowStartMs, windowEndMs, nowMs, amount }) {
      driver.exec('BEGIN IMMEDIATE');
      for (const { id, call } of holds) {
        all(insertHold, { teamId, id, nowMs, call });
        all(insertPart, { teamId, id, controlId, windowStartMs, windowEndMs, amount: amount * calls });
      }
      all(moveBalance, { controlId, windowStartMs, value: 0, held: amount * calls * holds.length });
      driver.exec('COMMIT');
    },
    settle(events, { teamId, controlId, windowStartMs, nowMs, amount }) {
      driver.exec('BEGIN IMMEDIATE');
      const drawn = new Map<string, number>();
      for (const { holdId, event } of events) {
        insertEvent ??= driver.prepare(insertEventSql(Object.keys(event)));
        all(insertEvent, event);
        all(insertPrice, { id: event['id']!, amount, nowMs });
        drawn.set(holdId, (drawn.get(holdId) ?? 0) + amount);
      }
      for (const [holdId, sum] of drawn) all(drawPart, { teamId, holdId, controlId, amount: sum });
      const sum = amount * events.length;
      all(moveBalance, { controlId, windowStartMs, value: sum, held: -sum });
      driver.exec('COMMIT');
    },
    close: () => driver.close(),
  };
}

function insertEventSql(parameters: readonly string[]): string {
  const names = parameters.map((name) => `:${name}`).join(', ');
  return `INSERT INTO usage_event (${parameters.map(columnOf).join(', ')}) VALUES (${names})`;
}

function bind(values: Values): Record<string, string | bigint | null> {
  const bound: Record<string, string | bigint | null> = {};
  for (const name in values) {
    const value = values[name]!;
    bound[name] = typeof value === 'number' ? BigInt(value) : value;
  }
  return bound;
}
