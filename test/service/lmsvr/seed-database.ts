/** A database as the Ollama gateway makes it: the tables of its SQLAlchemy models, and rows to be taken over. */
import { createHash } from 'node:crypto';
import { openDriver } from '../../../service/store/sqlite/driver.js';

/** Keys as it hands them out: `sk_` and 32 random bytes in base 64 for addresses. */
export const KEYS = {
  ann: `sk_${'aB-_9'.repeat(8)}xyz`,
  bob: `sk_${'q7Tz_'.repeat(8)}-0A`,
  revoked: `sk_${'R-_12'.repeat(8)}abc`,
  expired: `sk_${'E0_-5'.repeat(8)}abc`,
  later: `sk_${'L9aZ3'.repeat(8)}abc`,
  inactive: `sk_${'I8bY2'.repeat(8)}abc`,
} as const;

/** Makes the file. Times are by `nowMs`: usage of this month and of years ago. */
export async function makeSeedDatabase(file: string, nowMs: number): Promise<void> {
  const driver = await openDriver(file);
  const hash = (key: string) => createHash('sha256').update(key).digest('hex');
  const at = (ms: number) => new Date(ms).toISOString().replace('T', ' ').replace('Z', '123');
  const day = 86_400_000;
  try {
    driver.exec(`
      CREATE TABLE customers (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, email VARCHAR NOT NULL,
        created_at DATETIME, active BOOLEAN, monthly_budget FLOAT);
      CREATE UNIQUE INDEX ix_customers_email ON customers (email);
      CREATE TABLE api_keys (id INTEGER NOT NULL PRIMARY KEY, customer_id INTEGER NOT NULL, key_hash VARCHAR NOT NULL,
        created_at DATETIME, expires_at DATETIME, active BOOLEAN, FOREIGN KEY(customer_id) REFERENCES customers (id));
      CREATE TABLE usage_logs (id INTEGER NOT NULL PRIMARY KEY, customer_id INTEGER NOT NULL, api_key_id INTEGER NOT NULL,
        endpoint VARCHAR NOT NULL, model VARCHAR, request_count INTEGER, cost FLOAT NOT NULL, timestamp DATETIME, extra_data TEXT);
      CREATE TABLE pricing_config (id INTEGER NOT NULL PRIMARY KEY, model_name VARCHAR NOT NULL, per_request_cost FLOAT,
        per_model_cost FLOAT, active BOOLEAN, created_at DATETIME, updated_at DATETIME);
      CREATE TABLE model_metadata (id INTEGER NOT NULL PRIMARY KEY, model_name VARCHAR NOT NULL);
      INSERT INTO customers VALUES (1, 'Ann', 'ann@example.com', '${at(nowMs)}', 1, 25.5),
        (2, 'Bob', 'bob@example.com', '${at(nowMs)}', 1, 1.0),
        (3, 'Zoe', 'zoe@example.com', '${at(nowMs)}', 1, 0.0),
        (4, 'Gone', 'gone@example.com', '${at(nowMs)}', 0, NULL);
      INSERT INTO api_keys VALUES (11, 1, '${hash(KEYS.ann)}', '${at(nowMs)}', NULL, 1),
        (12, 1, '${hash(KEYS.revoked)}', '${at(nowMs)}', NULL, 0),
        (13, 1, '${hash(KEYS.expired)}', '${at(nowMs)}', '${at(nowMs - day)}', 1),
        (14, 1, '${hash(KEYS.later)}', '${at(nowMs)}', '${at(nowMs + day)}', 1),
        (21, 2, '${hash(KEYS.bob)}', '${at(nowMs)}', NULL, 1),
        (41, 4, '${hash(KEYS.inactive)}', '${at(nowMs)}', NULL, 1);
      INSERT INTO pricing_config VALUES (1, 'llama3.2', 0.001, 0.002, 1, NULL, NULL),
        (2, 'free-model', 0.0, 0.0, 1, NULL, NULL), (3, 'old-model', 9.0, 9.0, 0, NULL, NULL);
      INSERT INTO usage_logs VALUES
        (101, 1, 11, '/api/chat', 'llama3.2', 1, 0.003, '${at(nowMs - 60_000)}', '{"stream": true}'),
        (102, 1, 11, '/v1/chat/completions', 'gpt-4o', 1, 0.1, '${at(nowMs - 50_000)}',
          '{"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}}'),
        (103, 1, 12, '/v1/messages', 'claude-3-haiku-20240307', 1, 0.0000125, '${at(nowMs - 40_000)}',
          '{"usage": {"input_tokens": 10, "output_tokens": 8}}'),
        (104, 1, 11, '/api/generate', 'mystery', 1, 0.01, '2024-12-31 23:59:59.999999', NULL),
        (105, 2, 21, '/v1/ollama/chat/completions', 'llama3.2:latest', 1, 1.2, '${at(nowMs - 30_000)}', '{}'),
        (106, 3, 999, '/api/chat', NULL, 1, 0.01, '${at(nowMs - 20_000)}', 'no json');
    `);
  } finally {
    driver.close();
  }
}
