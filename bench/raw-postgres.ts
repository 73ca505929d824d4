/** The raw writer on PostgreSQL: the driver of the service, one transaction at a time, a statement a table. */
import pg from 'pg';
import type { SqlValue } from '../service/store/sql.js';
import { columnOf } from './raw-sqlite.js';
import type { RawWriter } from './raw-store.js';

const INSERT_PRICE = `INSERT INTO price_entry
  (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms)
  SELECT event_id, 1, amount, 'known', 'recorded', 'raw', created
  FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[]) AS given (event_id, amount, created)`;
const INSERT_KEY = `INSERT INTO idempotency_key (owner, key, body_hash, claimed_at_ms, status, body)
  SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::BIGINT[], $6::TEXT[])`;
const ADD_BALANCE = `INSERT INTO balance
  (control_id, window_start_ms, group_key, window_end_ms, value, unknown_count, announced)
  SELECT control_id, $2, '', $3, $4, 0, 0 FROM unnest($1::TEXT[]) AS given (control_id)
  ON CONFLICT (control_id, window_start_ms, group_key) DO UPDATE SET value = balance.value + excluded.value`;
const KEY_FIELDS = ['owner', 'key', 'bodyHash', 'nowMs', 'status', 'body'] as const;

/** Connects. */
export async function openRawPostgres(url: string): Promise<RawWriter> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const text = (value: SqlValue): string | null =>
    value === null ? null : String(typeof value === 'boolean' ? Number(value) : value);
  return {
    async write(rows, { controlIds, windowStartMs, windowEndMs, value }) {
      const parameters = Object.keys(rows[0]?.event ?? {});
      const arrays = parameters.map((name) => rows.map(({ event }) => text(event[name] ?? null)));
      const keys = rows.flatMap(({ key }) => (key === undefined ? [] : [key]));
      const createdAt = rows.map(({ event }) => text(event['receivedAtMs'] ?? null));
      const prices = [rows.map(({ id }) => id), rows.map(({ amountNanoUsd }) => text(amountNanoUsd)), createdAt];
      const answers = KEY_FIELDS.map((field) => keys.map((key) => text(key[field] ?? null)));
      await client.query('BEGIN');
      await client.query({ name: 'event', text: insertEvents(parameters), values: arrays });
      await client.query({ name: 'price', text: INSERT_PRICE, values: prices });
      await client.query({ name: 'key', text: INSERT_KEY, values: answers });
      const balances = [controlIds, windowStartMs, windowEndMs, value];
      await client.query({ name: 'balance', text: ADD_BALANCE, values: balances });
      await client.query('COMMIT');
    },
    close: () => client.end(),
  };
}

/** Times, counts and flags are integers, everything else is text. */
const INTEGER = /(Ms|Tokens|Count|Nano|Flagged)$|^failed$/;

function insertEvents(parameters: readonly string[]): string {
  const columns = parameters.map(columnOf).join(', ');
  const types = parameters.map((name, i) => `$${i + 1}::${INTEGER.test(name) ? 'BIGINT' : 'TEXT'}[]`);
  return `INSERT INTO usage_event (${columns}) SELECT * FROM unnest(${types.join(', ')})`;
}
