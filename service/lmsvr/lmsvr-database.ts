/**
 * The database of the Ollama gateway (lmsvr), as its SQLAlchemy models make it in SQLite. It is read and never written to.
 * Money is floating there: it is taken as decimal text with nine places, rounded once.
 */
import { existsSync } from 'node:fs';
import { openDriver, type SqliteDriver, type SqliteValue } from '../store/sqlite/driver.js';

/** Somebody who pays. */
export interface LmsvrCustomer {
  readonly id: bigint;
  readonly name: string;
  readonly email: string;
  readonly active: boolean;
  /** Dollars a month; `0` and `null` meant no limit. */
  readonly budget: string | null;
}

/** A key, of which there is only the SHA-256. */
export interface LmsvrKey {
  readonly id: bigint;
  readonly customerId: bigint;
  readonly hash: string;
  readonly active: boolean;
  readonly expiresAtMs?: number;
}

/** Two flat fees of a model of Ollama. */
export interface LmsvrPrice {
  readonly model: string;
  readonly perRequest: string;
  readonly perModel: string;
}

/** One request that was billed. */
export interface LmsvrUsage {
  readonly id: bigint;
  readonly customerId: bigint;
  readonly keyId: bigint;
  readonly endpoint: string;
  readonly model: string | null;
  readonly cost: string;
  readonly timeMs: number | undefined;
  /** JSON, as the gateway wrote it. */
  readonly extra: string | null;
}

/** The database, open. */
export interface LmsvrDatabase {
  customers(): readonly LmsvrCustomer[];
  keys(): readonly LmsvrKey[];
  prices(): readonly LmsvrPrice[];
  countUsage(): number;
  /** Rows with an id above `afterId`, by id. */
  usage(afterId: bigint, size: number): readonly LmsvrUsage[];
  close(): void;
}

/** The file is none that can be imported; the message says why. */
export class LmsvrDatabaseError extends Error {
  override readonly name = 'LmsvrDatabaseError';
}

/** What is read of each table; a database without it is another one. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  customers: ['id', 'name', 'email', 'active', 'monthly_budget'],
  api_keys: ['id', 'customer_id', 'key_hash', 'expires_at', 'active'],
  usage_logs: ['id', 'customer_id', 'api_key_id', 'endpoint', 'model', 'cost', 'timestamp', 'extra_data'],
  pricing_config: ['model_name', 'per_request_cost', 'per_model_cost', 'active'],
};
const MONEY = (column: string) => `CASE WHEN ${column} IS NULL THEN NULL ELSE printf('%.9f', ${column}) END`;

type Row = Readonly<Record<string, SqliteValue>>;

/** Opens a file. @throws LmsvrDatabaseError */
export async function openLmsvrDatabase(file: string): Promise<LmsvrDatabase> {
  // SQLite would make one.
  if (!existsSync(file)) throw new LmsvrDatabaseError(`${file} is not there`);
  const driver = await openDriver(file).catch((error: Error) => {
    throw new LmsvrDatabaseError(`${file} cannot be opened: ${error.message}`);
  });
  try {
    driver.exec('PRAGMA query_only = ON; PRAGMA busy_timeout = 5000');
    checkTables(driver, file);
  } catch (error) {
    driver.close();
    if (error instanceof LmsvrDatabaseError) throw error;
    throw new LmsvrDatabaseError(`${file} cannot be read: ${(error as Error).message}`);
  }
  return reader(driver);
}

function checkTables(driver: SqliteDriver, file: string): void {
  for (const [table, columns] of Object.entries(TABLES)) {
    const found = new Set(
      driver
        .prepare(`PRAGMA table_info(${table})`)
        .all({})
        .map((row) => text(row, 'name')),
    );
    const missing = columns.filter((column) => !found.has(column));
    if (missing.length === 0) continue;
    const what = found.size === 0 ? `a table ${table}` : `${missing.join(', ')} in ${table}`;
    throw new LmsvrDatabaseError(`${file} is no database of the Ollama gateway: there is no ${what}`);
  }
}

function reader(driver: SqliteDriver): LmsvrDatabase {
  const all = (sql: string, params: Row = {}): readonly Row[] => driver.prepare(sql).all(params);
  return {
    customers: () =>
      all(`SELECT id, name, email, active, ${MONEY('monthly_budget')} AS budget FROM customers ORDER BY id`).map(
        (row) => ({
          id: whole(row, 'id'),
          name: text(row, 'name'),
          email: text(row, 'email'),
          active: whole(row, 'active') !== 0n,
          budget: row['budget'] === null ? null : text(row, 'budget'),
        }),
      ),
    keys: () =>
      all(
        'SELECT id, customer_id, key_hash, CAST(expires_at AS TEXT) AS expires_at, active FROM api_keys ORDER BY id',
      ).map(keyOf),
    prices: () =>
      all(
        `SELECT model_name, ${MONEY('per_request_cost')} AS per_request, ${MONEY('per_model_cost')} AS per_model
         FROM pricing_config WHERE active ORDER BY model_name`,
      ).map((row) => ({
        model: text(row, 'model_name'),
        perRequest: text(row, 'per_request') || '0',
        perModel: text(row, 'per_model') || '0',
      })),
    countUsage: () => Number(whole(all('SELECT COUNT(*) AS total FROM usage_logs')[0] ?? {}, 'total')),
    usage: (afterId, size) =>
      all(
        `SELECT id, customer_id, api_key_id, endpoint, model, ${MONEY('cost')} AS cost,
           CAST(timestamp AS TEXT) AS at, extra_data
         FROM usage_logs WHERE id > :afterId ORDER BY id LIMIT :size`,
        { afterId, size: BigInt(size) },
      ).map(usageOf),
    close: () => driver.close(),
  };
}

function keyOf(row: Row): LmsvrKey {
  const expiresAtMs = timeOf(row['expires_at']);
  return {
    id: whole(row, 'id'),
    customerId: whole(row, 'customer_id'),
    hash: text(row, 'key_hash').toLowerCase(),
    active: whole(row, 'active') !== 0n,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function usageOf(row: Row): LmsvrUsage {
  return {
    id: whole(row, 'id'),
    customerId: whole(row, 'customer_id'),
    keyId: whole(row, 'api_key_id'),
    endpoint: text(row, 'endpoint'),
    model: row['model'] === null ? null : text(row, 'model'),
    cost: text(row, 'cost') || '0',
    timeMs: timeOf(row['at']),
    extra: row['extra_data'] === null ? null : text(row, 'extra_data'),
  };
}

/** SQLAlchemy writes `2024-12-31 23:59:59.123456` and means UTC. */
function timeOf(value: SqliteValue | undefined): number | undefined {
  const [, day, time, fraction = '', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?$/.exec(String(value ?? '')) ?? [];
  if (day === undefined) return undefined;
  const ms = Date.parse(`${day}T${time}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

function text(row: Row, name: string): string {
  return String(row[name] ?? '');
}

function whole(row: Row, name: string): bigint {
  const value = row[name];
  return typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value ?? 0)) || 0);
}
