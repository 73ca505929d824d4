// A database from before there were customers goes on, and so does a copy of one from after.
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newGatewayKey } from '../../service/admin/gateway-keys.js';
import { migrate as migratePostgres } from '../../service/store/postgres/migrate.js';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { openDriver } from '../../service/store/sqlite/driver.js';
import { migrate } from '../../service/store/sqlite/migrate.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { readMigrations } from '../../service/store/statements.js';
import type { Store } from '../../service/store/store.js';
import { usePostgres } from './postgres-support.js';
import { event, handClock, NOON, rulesOf, tempFolder } from './store-support.js';

/** The schema of the version before. */
const BEFORE = 9;
const HASH = 'a'.repeat(64);
const TEAM = `INSERT INTO team (id, numeric_id, name, created_at_ms, revision, controls_version, prices_version)
  VALUES ('fwOld', 1, 'old', 1, 7, 5, 1)`;
const KEY = `INSERT INTO api_key (id, team_id, scope, label, hash, hint, created_at_ms)
  VALUES ('k1', 'fwOld', 'write', 'ci', '${HASH}', 'wxyz', 1)`;

const server = usePostgres();
const { runtime } = handClock();
let folder: ReturnType<typeof tempFolder>;
const opened: Store[] = [];
beforeEach(() => {
  folder = tempFolder();
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  folder.remove();
});
const open = async (opening: Promise<Store>): Promise<Store> => {
  const store = await opening;
  opened.push(store);
  return store;
};

const upgraded = {
  async SQLite() {
    const file = join(folder.path, 'old.db');
    const driver = await openDriver(file);
    migrate(driver, readMigrations('sqlite').slice(0, BEFORE));
    driver.exec(
      `${TEAM}; ${KEY}; UPDATE sequence SET value = 7 WHERE name = 'revision'; UPDATE sequence SET value = 1 WHERE name = 'team';`,
    );
    driver.close();
    return openSqliteStore({ file, runtime, inProcess: true });
  },
  async PostgreSQL() {
    const url = await server.createDatabase();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await migratePostgres(client, readMigrations('postgres').slice(0, BEFORE), 1);
    await client.query(`${TEAM}; ${KEY}; SELECT setval('revision_sequence', 7), setval('team_sequence', 1);`);
    await client.end();
    return openPostgresStore({ url, runtime });
  },
};

test.each(Object.entries(upgraded))(
  'what the version before wrote on %s goes on, with customers beside it',
  async (_name, make) => {
    const store = await open(make());
    expect(await store.findKey(HASH)).toMatchObject({ id: 'k1', teamId: 'fwOld' });
    expect((await store.listCustomers('fwOld', { page: 0, size: 9, includeDeleted: true })).totalElements).toBe(0);
    const ann = await store.createCustomer('fwOld', { name: 'Ann', email: 'a@x', budget: { amount: '1' } });
    const { secret } = newGatewayKey();
    await store.createGatewayKey('fwOld', ann.id, {}, secret);
    expect((await store.findGatewayKey(secret.hash))?.customer.id).toBe(ann.id);
    await store.recordEvents('fwOld', [event(NOON, { totalCost: 1, subscriber: { id: ann.id } })]);
    expect(await rulesOf(store, 'fwOld')).toMatchObject([{ breached: true, currentValue: 1 }]);
    expect(await store.revokeKey('k1')).toBe(true);
    expect((await store.findKey(HASH))?.revokedAtMs).toBe(NOON);
    expect((await store.verifyBalances()).wrong).toEqual([]);
  },
);

test('a copy of a database has its customers, their budgets and their keys, and no secret', async () => {
  const store = await open(openSqliteStore({ file: join(folder.path, 'a.db'), runtime, inProcess: true }));
  const { id: teamId } = await store.createTeam('t');
  const ann = await store.createCustomer(teamId, { name: 'Ann', email: 'a@x', budget: { amount: '1' } });
  const { secret } = newGatewayKey();
  const key = await store.createGatewayKey(teamId, ann.id, { models: ['m'] }, secret);
  const file = join(folder.path, 'copy.db');
  await store.backUp(file);
  await store.revokeGatewayKey(teamId, key!.id);
  const copy = await open(openSqliteStore({ file, runtime, inProcess: true }));
  expect(await copy.findCustomer(teamId, '1')).toEqual(ann);
  expect((await copy.findGatewayKey(secret.hash))?.key).toEqual(key);
});
