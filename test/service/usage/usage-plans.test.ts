import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { bindOne, prepareText } from '../../../service/store/postgres/parameters.js';
import type { SqlParams } from '../../../service/store/sql.js';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { readStatements } from '../../../service/store/statements.js';
import type { Store } from '../../../service/store/store.js';
import { usePostgres } from '../postgres-support.js';
import { handClock, NOON, tempFolder } from '../store-support.js';
import { recordMany, usageOf } from './usage-support.js';

const CUSTOMERS = 40;
const EACH = 250;
const INDEX = 'usage_event_subscriber';

const range = (teamId: string) => ({ teamId, subscriberId: 'cus_7', afterMs: NOON - 200_000, afterId: '' });
/** Every statement that a report, an export or a budget asks the events with. */
const STATEMENTS = {
  'select-usage-slice-end': (teamId: string) => ({ ...range(teamId), untilMs: NOON, skip: 99 }),
  'sum-usage': (teamId: string) => ({
    ...{ ...range(teamId), lastMs: NOON, lastId: '~', originMs: 0, byDay: true, byModel: true, byKey: true },
    byOperation: false,
  }),
  'export-subscriber-events': (teamId: string) => ({ ...range(teamId), untilMs: NOON, size: 500 }),
  'select-subscriber-names': (teamId: string) => ({ teamId, subscriberId: 'cus_7' }),
} as const satisfies Record<string, (teamId: string) => SqlParams>;
type Name = keyof typeof STATEMENTS;
const NAMES = Object.keys(STATEMENTS) as Name[];

async function fill(store: Store): Promise<string> {
  const { id } = await store.createTeam('plans');
  const events = Array.from({ length: CUSTOMERS * EACH }, (_, i) =>
    usageOf(`cus_${i % CUSTOMERS}`, NOON - i * 20, { totalCost: 0.001, model: `m${i % 5}` }),
  );
  await recordMany(store, id, events);
  return id;
}

describe('no report reads the events of others', { timeout: 60_000 }, () => {
  describe('on SQLite', () => {
    const folder = tempFolder();
    const file = join(folder.path, 'plans.db');
    const plans = new Map<Name, string>();
    beforeAll(async () => {
      const store = await openSqliteStore({
        file,
        runtime: handClock().runtime,
        log: createRuntime().log,
        inProcess: true,
      });
      const teamId = await fill(store);
      await store.close();
      const driver = await openDriver(file);
      const statements = readStatements('sqlite');
      for (const name of NAMES) {
        const params = Object.entries(STATEMENTS[name](teamId)).map(
          ([key, value]) => [key, typeof value === 'string' ? value : BigInt(value)] as const,
        );
        const rows = driver.prepare(`EXPLAIN QUERY PLAN ${statements.get(name)}`).all(Object.fromEntries(params));
        plans.set(name, rows.map((row) => String(row['detail'])).join('\n'));
      }
      driver.close();
    });
    afterAll(() => folder.remove());

    it.each(NAMES)('%s goes through the index of the subscriber, within its range', (name) => {
      const plan = plans.get(name)!;
      const ranged = name === 'select-subscriber-names' ? '' : ' AND \\(?(window_time_ms|window_time_ms,id)\\)?>';
      expect(plan).toMatch(
        new RegExp(
          `SEARCH (e|usage_event) USING (COVERING )?INDEX ${INDEX} \\(team_id=\\? AND subscriber_id=\\?${ranged}`,
        ),
      );
      expect(plan).not.toMatch(/^SCAN (e|p|usage_event|price_entry)\b/m);
    });
  });

  describe('on PostgreSQL', () => {
    const server = usePostgres();
    const plans = new Map<Name, string>();
    beforeAll(async () => {
      const url = await server.createMigrated();
      const store = await openPostgresStore({ url, runtime: handClock().runtime, log: createRuntime().log });
      const teamId = await fill(store);
      await store.close();
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('ANALYZE');
      const statements = readStatements('postgres');
      for (const name of NAMES) {
        const prepared = prepareText(statements.get(name)!);
        const values = bindOne(prepared, STATEMENTS[name](teamId));
        const { rows } = await client.query(`EXPLAIN ${prepared.text}`, values as unknown[]);
        plans.set(name, rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n'));
      }
      await client.end();
    });

    it.each(NAMES)('%s goes through the index of the subscriber', (name) => {
      const plan = plans.get(name)!;
      expect(plan).toContain(INDEX);
      expect(plan).not.toMatch(/Seq Scan on (usage_event|price_entry)/);
    });
  });
});
