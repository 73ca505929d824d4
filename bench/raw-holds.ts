/**
 * Raw transactions of the shape that holds have, for bench/holds-ledger.bench.ts: the driver and the settings of the
 * service on its own tables and indexes. Nothing is checked, computed or looked up.
 */
import type { SqlParams } from '../service/store/sql.js';
import type { RunStatement } from '../service/store/sqlite/prepare-statement.js';
import { insertEventSql, openRawDriver } from './raw-sqlite.js';

/** The rows of one hold. */
export interface RawHold {
  readonly id: string;
  readonly call: string;
}

/** The rows of one event that names a hold. */
export interface RawSettlement {
  readonly holdId: string;
  readonly event: SqlParams;
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

const TTL_MS = 120_000;
const INSERT_HOLD = `INSERT INTO hold
  (team_id, id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call)
  VALUES (:teamId, :id, 'bench', 'open', 0, 120000, :nowMs, :expiresAtMs, NULL, 0, :call)`;
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

/** Opens a file that the service has made, with a control whose balance has a row. */
export async function openRawHolds(file: string): Promise<RawHolds> {
  const { driver, prepare } = await openRawDriver(file);
  const insertHold = prepare(INSERT_HOLD);
  const insertPart = prepare(INSERT_PART);
  const moveBalance = prepare(MOVE_BALANCE);
  const insertPrice = prepare(INSERT_PRICE);
  const drawPart = prepare(DRAW_PART);
  let insertEvent: RunStatement | undefined;
  return {
    take(holds, calls, { teamId, controlId, windowStartMs, windowEndMs, nowMs, amount }) {
      driver.exec('BEGIN IMMEDIATE');
      for (const { id, call } of holds) {
        insertHold({ teamId, id, nowMs, expiresAtMs: nowMs + TTL_MS, call });
        insertPart({ teamId, id, controlId, windowStartMs, windowEndMs, amount: amount * calls });
      }
      moveBalance({ controlId, windowStartMs, value: 0, held: amount * calls * holds.length });
      driver.exec('COMMIT');
    },
    settle(events, { teamId, controlId, windowStartMs, nowMs, amount }) {
      driver.exec('BEGIN IMMEDIATE');
      const drawn = new Map<string, number>();
      for (const { holdId, event } of events) {
        insertEvent ??= prepare(insertEventSql(Object.keys(event)));
        insertEvent(event);
        insertPrice({ id: event['id']!, amount, nowMs });
        drawn.set(holdId, (drawn.get(holdId) ?? 0) + amount);
      }
      for (const [holdId, sum] of drawn) drawPart({ teamId, holdId, controlId, amount: sum });
      const sum = amount * events.length;
      moveBalance({ controlId, windowStartMs, value: sum, held: -sum });
      driver.exec('COMMIT');
    },
    close: () => driver.close(),
  };
}
