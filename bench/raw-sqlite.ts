/** The raw writer on SQLite: the driver and the settings of the service, on the thread that serves requests. */
import type { RunStatement } from '../service/store/sqlite/prepare-statement.js';
import { built } from './built.js';
import type { RawWriter } from './raw-store.js';

const INSERT_PRICE = `INSERT INTO price_entry
  (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms)
  VALUES (:eventId, 1, :amountNanoUsd, 'known', 'recorded', 'raw', :createdAtMs)`;
const INSERT_KEY = `INSERT INTO idempotency_key (owner, key, body_hash, claimed_at_ms, status, body)
  VALUES (:owner, :key, :bodyHash, :nowMs, :status, :body)`;
const ADD_BALANCE = `INSERT INTO balance
  (control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced)
  VALUES (:controlId, :windowStartMs, '', :windowEndMs, :value, 0, 0)
  ON CONFLICT (control_id, window_start_ms, group_key) DO UPDATE SET value = balance.value + excluded.value`;

/** The driver, the settings and the binding of the service on a file that it has made. */
export async function openRawDriver(file: string) {
  const { openDriver } = await built<typeof import('../service/store/sqlite/driver.js')>('store/sqlite/driver.js');
  const { OPENING } = await built<typeof import('../service/store/sqlite/database.js')>('store/sqlite/database.js');
  const { prepareStatement } = await built<typeof import('../service/store/sqlite/prepare-statement.js')>(
    'store/sqlite/prepare-statement.js',
  );
  const driver = await openDriver(file);
  driver.exec(OPENING);
  return { driver, prepare: (sql: string): RunStatement => prepareStatement(driver, sql) };
}

/** Opens the file. `commitMs` is slept before each commit. */
export async function openRawSqlite(file: string, commitMs: number): Promise<RawWriter> {
  const { driver, prepare } = await openRawDriver(file);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const insertPrice = prepare(INSERT_PRICE);
  const insertKey = prepare(INSERT_KEY);
  const addBalance = prepare(ADD_BALANCE);
  let insertEvent: RunStatement | undefined;
  return {
    async write(rows, { controlIds, windowStartMs, windowEndMs, value }) {
      driver.exec('BEGIN IMMEDIATE');
      for (const { id, event, key, amountNanoUsd } of rows) {
        insertEvent ??= prepare(insertEventSql(Object.keys(event)));
        insertEvent(event);
        insertPrice({ eventId: id, amountNanoUsd, createdAtMs: event['receivedAtMs']! });
        if (key !== undefined) insertKey(key);
      }
      for (const controlId of controlIds) addBalance({ controlId, windowStartMs, windowEndMs, value });
      if (commitMs > 0) Atomics.wait(sleeper, 0, 0, commitMs);
      driver.exec('COMMIT');
    },
    async close() {
      driver.close();
    },
  };
}

/** Columns are named as their parameters, in the other case. */
export function columnOf(parameter: string): string {
  return parameter.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Inserts a row of so many columns, whatever is there. */
export function insertEventSql(parameters: readonly string[]): string {
  const names = parameters.map((name) => `:${name}`).join(', ');
  return `INSERT INTO usage_event (${parameters.map(columnOf).join(', ')}) VALUES (${names})`;
}
