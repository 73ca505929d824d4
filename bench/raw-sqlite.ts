/** The raw writer on SQLite: the driver and the settings of the service, on the thread that serves requests. */
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

/** Opens the file. `commitMs` is slept before each commit. */
export async function openRawSqlite(file: string, commitMs: number): Promise<RawWriter> {
  const { openDriver } = await built<typeof import('../service/store/sqlite/driver.js')>('store/sqlite/driver.js');
  const driver = await openDriver(file);
  driver.exec(`PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;`);
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const insertPrice = driver.prepare(INSERT_PRICE);
  const insertKey = driver.prepare(INSERT_KEY);
  const addBalance = driver.prepare(ADD_BALANCE);
  let insertEvent: ReturnType<typeof driver.prepare> | undefined;
  return {
    async write(rows, { controlIds, windowStartMs, windowEndMs, value }) {
      driver.exec('BEGIN IMMEDIATE');
      for (const { id, event, key, amountNanoUsd } of rows) {
        insertEvent ??= driver.prepare(insertEventSql(Object.keys(event)));
        insertEvent.all(bind(event));
        const createdAtMs = event['receivedAtMs'] as number;
        insertPrice.all(bind({ eventId: id, amountNanoUsd, createdAtMs }));
        if (key !== undefined) insertKey.all(bind(key));
      }
      for (const controlId of controlIds) addBalance.all(bind({ controlId, windowStartMs, windowEndMs, value }));
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

function insertEventSql(parameters: readonly string[]): string {
  const names = parameters.map((name) => `:${name}`).join(', ');
  return `INSERT INTO usage_event (${parameters.map(columnOf).join(', ')}) VALUES (${names})`;
}

function bind(
  params: Readonly<Record<string, string | number | bigint | null>>,
): Record<string, string | bigint | null> {
  const bound: Record<string, string | bigint | null> = {};
  for (const [name, value] of Object.entries(params)) bound[name] = typeof value === 'number' ? BigInt(value) : value;
  return bound;
}
