// What PostgreSQL and the way to it can do to us: nothing is lost, nothing counted twice, and it is over by itself.
import { createRuntime, type Log } from 'fusewire/internal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPostgresStore, type PostgresStoreOptions } from '../../service/store/postgres/open-postgres-store.js';
import type { Store } from '../../service/store/store.js';
import { runSql, SERVER_IS_GIVEN, usePostgres } from './postgres-support.js';
import { control, event } from './store-support.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';

const server = usePostgres();
const logged: string[] = [];
const keep = (message: string): void => void logged.push(message);
const log: Log = { debug: () => undefined, info: keep, warn: keep, error: keep, isDebug: () => false };
const runtime = createRuntime({ log });

let url: string;
let proxy: TcpProxy;
const opened: Store[] = [];

beforeEach(async () => {
  logged.length = 0;
  url = await server.createMigrated();
  proxy = await startProxy(url);
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await proxy.close();
});

async function open(options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ url, runtime, ...options });
  opened.push(store);
  return store;
}

const cent = (transactionId?: string) =>
  event(runtime.now(), { totalCost: 0.01, ...(transactionId && { transactionId }) });

/** Everything that was recorded under `id`, exactly once, and summed. */
async function isExactly(store: Store, id: string, count: number): Promise<void> {
  expect((await store.findEvents(id, { page: 0, size: 1 })).totalElements).toBe(count);
  const rows = await runSql(url, "SELECT value FROM balance WHERE group_key = ''");
  expect(rows.map(({ value }) => value)).toEqual([String(count * 10_000_000)]);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  expect((await store.listConflicts(id, { page: 0, size: 1 })).totalElements).toBe(0);
}

/** A team with a control that counts everything, seen by a store that nothing stands before. */
async function teamOn(store: Store): Promise<string> {
  const { id } = await store.createTeam('t');
  await store.createControl(id, control({ hardLimit: '1000000', windowType: 'QUARTERLY' }));
  return id;
}

test('I4: a COMMIT whose answer is lost was a commit; it is told as what it was and not done again', async () => {
  const direct = await open();
  const id = await teamOn(direct);
  const store = await open({ url: proxy.url });
  proxy.fate('insert-event', 'answer-lost');
  const [first] = await store.recordEvents(id, [cent('a')]);
  expect(first?.outcome).toBe('stored');
  // Also where nothing in the operation itself would tell that it was done before.
  proxy.fate('insert-team', 'answer-lost');
  const made = await store.createTeam('once');
  expect((await direct.listTeams()).filter(({ name }) => name === 'once')).toEqual([made]);
  expect(proxy.met.filter((fate) => fate === 'answer-lost')).toHaveLength(2);
  proxy.fate('insert-control', 'answer-lost');
  const added = await Promise.all([store.createControl(id, control({ name: 'x' })), store.recordEvents(id, [cent()])]);
  await direct.deleteControl(id, added[0].id);
  await isExactly(direct, id, 2);
});

test('I4: a COMMIT that never arrived is done again, once, and the two are told apart', async () => {
  const direct = await open();
  const id = await teamOn(direct);
  const store = await open({ url: proxy.url });
  proxy.fate('insert-event', 'lost', 'answer-lost', 'lost', 'lost', 'answer-lost');
  for (let i = 0; i < 10; i += 1) {
    expect((await store.recordEvents(id, [cent()])).map(({ outcome }) => outcome)).toEqual(['stored']);
  }
  expect(proxy.met.filter((fate) => fate !== 'answered')).toHaveLength(5);
  await isExactly(direct, id, 10);
});

test('an outcome that stays unknown is said to be unknown; sent again it counts once', async () => {
  const direct = await open();
  const id = await teamOn(direct);
  const store = await open({ url: proxy.url, patienceMs: 1_000, limits: { connectMs: 2_000 } });
  proxy.fate('insert-event', 'answer-lost');
  const answer = store.recordEvents(id, [cent('x')]).catch((error: unknown) => error);
  while (!proxy.met.includes('answer-lost')) await new Promise((resolve) => setTimeout(resolve, 1));
  proxy.silent = true;
  proxy.cut();
  expect(await answer).toMatchObject({ code: 'BROKEN' });
  proxy.silent = false;
  proxy.cut();
  const [again] = await store.recordEvents(id, [cent('x')]);
  // Another time of day is another body; the same event is a duplicate.
  expect(again?.outcome).not.toBe('stored');
  expect((await direct.findEvents(id, { page: 0, size: 1 })).totalElements).toBe(1);
});

test('connections that the server ends under load cost nothing but time', async () => {
  const store = await open();
  const id = await teamOn(store);
  const database = new URL(url).pathname.slice(1);
  const outcomes: string[] = [];
  let recording = true;
  const ending = (async () => {
    while (recording) {
      const before = outcomes.length;
      await runSql(
        server.adminUrl,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'fusewire'",
        [database],
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      // On a machine that starves nothing may get through in that time, and nothing ever would.
      while (recording && outcomes.length === before) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  try {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 20; i += 1) {
          const [one] = await store.recordEvents(id, [cent()]);
          outcomes.push(one?.outcome ?? '');
        }
      }),
    );
  } finally {
    recording = false;
    await ending;
  }
  expect(outcomes).toEqual(Array.from({ length: 400 }, () => 'stored'));
  await isExactly(store, id, 400);
});

test.skipIf(SERVER_IS_GIVEN)('a server that is restarted under load is waited for', { timeout: 60_000 }, async () => {
  const store = await open();
  const id = await teamOn(store);
  let stored = 0;
  const load = Promise.all(
    Array.from({ length: 10 }, async () => {
      for (let i = 0; i < 30; i += 1) {
        const [one] = await store.recordEvents(id, [cent()]);
        expect(one?.outcome).toBe('stored');
        stored += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }),
  );
  while (stored < 50) await new Promise((resolve) => setTimeout(resolve, 5));
  await server.stop();
  await server.start();
  await load;
  await isExactly(store, id, 300);
});

test.skipIf(SERVER_IS_GIVEN)(
  'I9, I10: a server that is gone is said once, refuses at once, and is found again',
  {
    timeout: 60_000,
  },
  async () => {
    const store = await open({ patienceMs: 300 });
    const id = await teamOn(store);
    await server.stop();
    try {
      for (let i = 0; i < 3; i += 1) {
        await expect(store.recordEvents(id, [cent()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      }
      await expect(store.listTeams()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(logged.filter((line) => line.includes('takes no writes'))).toHaveLength(1);
    } finally {
      await server.start();
    }
    await expect
      .poll(() => store.recordEvents(id, [cent('later')]).then(([one]) => one?.outcome, String), {
        timeout: 10_000,
      })
      .toBe('stored');
    expect(logged.filter((line) => line.includes('takes writes again'))).toHaveLength(1);
    await isExactly(store, id, 1);
  },
);

test.each(['40001', '40P01', '55P03', '57P03'])('a transaction that is undone with %s is run again', async (code) => {
  const store = await open();
  const id = await teamOn(store);
  await runSql(url, 'CREATE SEQUENCE trouble');
  await runSql(
    url,
    `CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF nextval('trouble') <= 3 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '${code}'; END IF; RETURN NEW; END $$`,
  );
  await runSql(url, 'CREATE TRIGGER trouble BEFORE INSERT ON price_entry FOR EACH ROW EXECUTE FUNCTION trouble()');
  const results = await Promise.all(Array.from({ length: 5 }, () => store.recordEvents(id, [cent(), cent()])));
  expect(results.flat().map(({ outcome }) => outcome)).toEqual(Array.from({ length: 10 }, () => 'stored'));
  await isExactly(store, id, 10);
});

test('a full disk refuses events at once, others and later ones are kept', async () => {
  const store = await open();
  const id = await teamOn(store);
  await runSql(
    url,
    `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.transaction_id = 'big' THEN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$`,
  );
  await runSql(url, 'CREATE TRIGGER full_disk BEFORE INSERT ON usage_event FOR EACH ROW EXECUTE FUNCTION full_disk()');
  await expect(store.recordEvents(id, [cent('big')])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await store.recordEvents(id, [cent('small')]);
  await isExactly(store, id, 1);
});

test('somebody who holds a team for too long is waited for in vain once, and then not in vain', async () => {
  const store = await open({ limits: { lockMs: 100 } });
  const id = await teamOn(store);
  const other = await (await store.createTeam('other')).id;
  const holder = await holdTeam(id);
  const waiting = store.recordEvents(id, [cent()]);
  // Another team does not wait meanwhile.
  await store.recordEvents(other, [cent()]);
  await new Promise((resolve) => setTimeout(resolve, 250));
  await holder.letGo();
  expect((await waiting)[0]?.outcome).toBe('stored');
});

async function holdTeam(id: string): Promise<{ letGo(): Promise<void> }> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT id FROM team WHERE id = $1 FOR UPDATE', [id]);
  return { letGo: () => client.end() };
}

test('a network that swallows everything is given up in time', async () => {
  const limits = { connectMs: 2_000, statementMs: 1_000, lockMs: 1_000 };
  const direct = await open();
  const id = await teamOn(direct);
  // The answer is waited for longer than the server works on it: the grace is in it.
  const store = await open({ url: proxy.url, patienceMs: 1_000, limits });
  proxy.silent = true;
  await expect(store.recordEvents(id, [cent()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  proxy.silent = false;
  proxy.cut();
  await expect.poll(() => store.recordEvents(id, [cent()]).then(([one]) => one?.outcome, String)).toBe('stored');
});

test('a newer version of the service may add columns while this one runs', async () => {
  const store = await open({ readers: 1, writers: 1 });
  const id = await teamOn(store);
  const { items } = await store.listControls(id, { page: 0, size: 1 });
  for (let i = 0; i < 6; i += 1) await store.getControl(id, items[0]?.id ?? '');
  await runSql(url, 'ALTER TABLE cost_control ADD COLUMN newer TEXT COLLATE "C" NOT NULL DEFAULT \'\'');
  expect(await store.getControl(id, items[0]?.id ?? '')).toMatchObject({ name: 'cap' });
  await store.recordEvents(id, [cent()]);
  await isExactly(store, id, 1);
});

test('a primary that became read-only is left, and found again when it takes writes', async () => {
  const name = new URL(url).pathname.slice(1);
  const store = await open({ patienceMs: 300 });
  const id = await teamOn(store);
  await runSql(server.adminUrl, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await runSql(server.adminUrl, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
  await expect(store.recordEvents(id, [cent()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await runSql(server.adminUrl, `ALTER DATABASE ${name} RESET default_transaction_read_only`);
  await expect.poll(() => store.recordEvents(id, [cent('x')]).then(([one]) => one?.outcome, String)).toBe('stored');
  await isExactly(store, id, 1);
});
