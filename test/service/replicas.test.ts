// What several processes on one database owe each other.
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sharedCredentialSecret } from '../../service/admin/data-folder.js';
import { ensureFirstTeam } from '../../service/admin/first-start.js';
import { hashKey, mintKey } from '../../service/admin/keys.js';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { POLL_MS } from '../../service/store/postgres/watcher.js';
import type { Store } from '../../service/store/store.js';
import { runSql, usePostgres } from './postgres-support.js';
import { eventually, openReplicas } from './replicas.js';
import { control, event, rulesOf, tempFolder } from './store-support.js';

const server = usePostgres();
const runtime = createRuntime({}, 'CRITICAL');
let url: string;
let stores: Store[] = [];

beforeEach(async () => {
  url = await server.createMigrated();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** Time without the look of every half second: what arrives was told. */
const hearing = createRuntime(
  {
    setTimer: (task, ms, options) =>
      ms === POLL_MS ? { cancel: () => undefined } : runtime.setTimer(task, ms, options),
  },
  'CRITICAL',
);

const spend = (fields: object = {}) => event(runtime.now(), { totalCost: 1, ...fields });

test('three that start at once on an empty database migrate it once, and make one team, one pair of keys, one secret', async () => {
  const empty = await server.createDatabase();
  const folder = tempFolder();
  stores = await openReplicas(empty, 3, { runtime });
  const first = await Promise.all(stores.map((store) => ensureFirstTeam(store, 'Default team')));
  const secrets = await Promise.all(stores.map((store) => sharedCredentialSecret(store, folder.path)));
  expect(new Set(first.map(({ team }) => team.id)).size).toBe(1);
  expect(first.filter(({ keys }) => keys !== undefined)).toHaveLength(1);
  expect(new Set(secrets.map((secret) => Buffer.from(secret).toString('hex'))).size).toBe(1);
  expect(secrets[0]).toHaveLength(32);
  const store = stores[0]!;
  const keys = await store.listKeys(first[0]!.team.id);
  expect(keys.map(({ scope }) => scope).sort()).toEqual(['metering', 'write']);
  const clear = first.find(({ keys: made }) => made !== undefined)!.keys!;
  for (const key of [clear.metering, clear.write]) expect(await store.findKey(hashKey(key))).toBeDefined();
  const versions = await runSql(empty, 'SELECT version FROM schema_version ORDER BY version');
  expect(versions.map(({ version }) => Number(version))).toEqual(versions.map((_, i) => i + 1));
  folder.remove();
});

test('a trip on one is a verdict on the others, told at once', async () => {
  stores = await openReplicas(url, 3, { runtime: hearing });
  const [a, b, c] = stores as [Store, Store, Store];
  const { id } = await a.createTeam('t');
  await a.createControl(id, control({ hardLimit: '1' }));
  for (const store of stores) expect((await rulesOf(store, id))[0]?.breached).toBe(false);
  await b.recordEvents(id, [spend()]);
  for (const store of [a, c]) await eventually(async () => (await rulesOf(store, id))[0]?.breached === true);
});

test('a trip is found by looking where nobody tells of it', async () => {
  stores = await openReplicas(url, 2, { runtime });
  const [a, b] = stores as [Store, Store];
  const { id } = await a.createTeam('t');
  await a.createControl(id, control({ hardLimit: '1' }));
  expect((await rulesOf(b, id))[0]?.breached).toBe(false);
  await runSql(url, 'DROP TRIGGER team_told ON team');
  await a.recordEvents(id, [spend()]);
  await eventually(async () => (await rulesOf(b, id))[0]?.breached === true, 2_000);
});

test('who stopped hearing hears again by itself, and misses nothing', async () => {
  stores = await openReplicas(url, 2, { runtime: hearing });
  const [a, b] = stores as [Store, Store];
  const { id } = await a.createTeam('t');
  const { id: controlId } = await a.createControl(id, control({ hardLimit: '1' }));
  await rulesOf(b, id);
  const listening = "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN fusewire' AND datname = current_database()";
  expect(await runSql(url, listening)).toHaveLength(2);
  await runSql(url, `SELECT pg_terminate_backend(pid) FROM (${listening}) AS ears`);
  await a.recordEvents(id, [spend()]);
  await eventually(async () => (await rulesOf(b, id))[0]?.breached === true);
  await eventually(async () => (await runSql(url, listening)).length === 2);
  await a.updateControl(id, controlId, { hardLimit: '5' });
  await eventually(async () => (await rulesOf(b, id))[0]?.breached === false);
});

test.each(['told', 'looked for'])(
  'I12: a key that is revoked on one is revoked within a second on all: %s',
  async (how) => {
    stores = await openReplicas(url, 2, { runtime });
    const [a, b] = stores as [Store, Store];
    const { id } = await a.createTeam('t');
    const { key, record } = await mintKey(a, id, 'metering', 'ci');
    const hash = hashKey(key);
    for (let i = 0; i < 3; i += 1) expect((await b.findKey(hash))?.revokedAtMs).toBeUndefined();
    if (how === 'looked for') {
      await runSql(
        url,
        `CREATE OR REPLACE FUNCTION tell_keys() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN UPDATE key_version SET version = version + 1; RETURN NULL; END $$`,
      );
    }
    expect(await a.revokeKey(record.id)).toBe(true);
    await eventually(async () => (await b.findKey(hash))?.revokedAtMs !== undefined, 1_000);
    // A new key works at once.
    const again = await mintKey(a, id, 'metering', 'ci');
    expect(await b.findKey(hashKey(again.key))).toEqual(again.record);
  },
);

test('I4, I6: the same events sent to all at once are stored once, in one order of revisions', async () => {
  stores = await openReplicas(url, 3, { runtime });
  const [a] = stores as [Store];
  const teams = await Promise.all(['one', 'two'].map((name) => a.createTeam(name)));
  for (const { id } of teams)
    await a.createControl(id, control({ hardLimit: '40', warnThreshold: '10', windowType: 'QUARTERLY' }));
  const events = Array.from({ length: 60 }, (_, n) => spend({ transactionId: `tx-${n}` }));
  const seen = await Promise.all(
    stores.map(async (store, turn) => {
      const revisions: number[] = [];
      const outcomes: string[] = [];
      // Each in an order of its own, the two teams in turn.
      const shuffled = [...events.slice(turn * 20), ...events.slice(0, turn * 20)];
      for (const one of shuffled) {
        for (const { id } of teams) {
          const [result] = await store.recordEvents(id, [one]);
          outcomes.push(result?.outcome ?? '');
          if (id === teams[0]?.id) revisions.push(result?.revision ?? 0);
        }
      }
      return { revisions, outcomes };
    }),
  );
  const outcomes = seen.flatMap((one) => one.outcomes);
  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(120);
  expect(outcomes.filter((outcome) => outcome === 'duplicate')).toHaveLength(240);
  for (const { revisions } of seen) expect(revisions).toEqual([...revisions].sort((x, y) => x - y));
  const sums = await runSql(url, "SELECT value FROM balance WHERE group_key = '' ORDER BY control_id");
  expect(sums.map(({ value }) => value)).toEqual(['60000000000', '60000000000']);
  const kinds = await runSql(url, 'SELECT kind, COUNT(*) AS times FROM enforcement_event GROUP BY kind ORDER BY kind');
  expect(kinds.map(({ kind, times }) => [kind, Number(times)])).toEqual([
    ['trip', 2],
    ['warn', 2],
  ]);
  expect((await a.verifyBalances()).wrong).toEqual([]);
});

test('I4: of many that use an Idempotency-Key on all replicas at once, one records', async () => {
  stores = await openReplicas(url, 3, { runtime });
  const { id } = await stores[0]!.createTeam('t');
  const all = await Promise.all(
    Array.from({ length: 30 }, (_, n) => stores[n % 3]!.recordOnce(id, { key: 'k', bodyHash: 'h', event: spend() })),
  );
  expect(all.filter(({ state }) => state === 'recorded')).toHaveLength(1);
  expect(new Set(all.map((one) => (one.state === 'mismatch' ? '' : one.answer.body))).size).toBe(1);
});

test('several turn windows and fill controls at once; each reset is written once', async () => {
  let nowMs = Date.UTC(2026, 7, 19, 23, 59);
  stores = await openReplicas(url, 3, { runtime: createRuntime({ now: () => nowMs }, 'CRITICAL'), fillSlice: 7 });
  const [a] = stores as [Store];
  const { id } = await a.createTeam('t');
  await a.recordEvents(
    id,
    Array.from({ length: 40 }, () => event(nowMs, { totalCost: 0.01 })),
  );
  await Promise.all(stores.map((store, n) => store.createControl(id, control({ name: `${n}`, hardLimit: '0.4' }))));
  expect((await a.verifyBalances()).wrong).toEqual([]);
  await Promise.all(stores.map((store) => store.turnWindows()));
  nowMs += 120_000;
  await Promise.all(stores.map((store) => store.turnWindows()));
  const kinds = await runSql(url, 'SELECT kind, COUNT(*) AS times FROM enforcement_event GROUP BY kind ORDER BY kind');
  expect(kinds.map(({ kind, times }) => [kind, Number(times)])).toEqual([
    ['reset', 3],
    ['trip', 3],
  ]);
  expect((await a.verifyBalances()).wrong).toEqual([]);
});

test('what a later version wrote, and what is no database for us, is refused with what to do about it', async () => {
  const open = (address: string) => openPostgresStore({ url: address, runtime, patienceMs: 100 });
  const foreign = await server.createDatabase();
  const name = `${new URL(foreign).pathname.slice(1)}_ascii`;
  await runSql(server.adminUrl, `CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
  const ascii = new URL(foreign);
  ascii.pathname = `/${name}`;
  await expect(open(ascii.href)).rejects.toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('UTF8'),
  });
  await runSql(server.adminUrl, `DROP DATABASE ${name} WITH (FORCE)`);
  await runSql(url, 'INSERT INTO schema_version (version) VALUES (9999)');
  await expect(open(url)).rejects.toMatchObject({ code: 'TOO_NEW', message: expect.stringContaining('9999') });
  const nobody = new URL(foreign);
  nobody.password = 'hunter2';
  const refused = await open(nobody.href).catch((error: unknown) => error as Error);
  expect(refused).toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringContaining('password authentication failed'),
  });
  expect(String(refused)).not.toContain('hunter2');
});
