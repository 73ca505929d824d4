import { execFile } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventFactsOf } from '../../service/ledger/event-facts.js';
import { CommitGroup } from '../../service/store/sqlite/commit-group.js';
import { SqliteDatabase } from '../../service/store/sqlite/database.js';
import { hasOwnSqlite, openDriver } from '../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { spawnWriter } from '../../service/store/sqlite/spawn-writer.js';
import { readMigrations, readStatements } from '../../service/store/statements.js';
import { childArguments } from '../helpers/child-arguments.js';
import { control, event, handClock, NOON, rulesOf, tempFolder } from './store-support.js';

let folder: ReturnType<typeof tempFolder>;
let file: string;

beforeEach(() => {
  folder = tempFolder();
  file = join(folder.path, 'fusewire.db');
});
afterEach(() => folder.remove());

test('every statement has its file, and every statement is valid SQL for the migrated schema', async () => {
  const database = await SqliteDatabase.open(file);
  database.close();
  const driver = await openDriver(file);
  for (const [name, sql] of readStatements('sqlite')) expect(() => driver.prepare(sql), name).not.toThrow();
  driver.close();
  expect(readMigrations('sqlite').map(({ version }) => version)).toEqual(readMigrations('sqlite').map((_, i) => i + 1));
});

test('a file of a later version is refused and left alone', async () => {
  (await SqliteDatabase.open(file)).close();
  const driver = await openDriver(file);
  driver.exec('INSERT INTO schema_version (version) VALUES (9999)');
  driver.close();
  const store = openSqliteStore({ file, runtime: handClock().runtime });
  await expect(store).rejects.toMatchObject({ code: 'TOO_NEW', message: expect.stringContaining('9999') });
});

test('a file that is no database is refused with its name', async () => {
  writeFileSync(file, 'this is a text file, and a rather long one, so that it has a header to look at'.repeat(20));
  const store = openSqliteStore({ file, runtime: handClock().runtime });
  await expect(store).rejects.toMatchObject({ code: 'UNREADABLE', message: expect.stringContaining(file) });
});

test('I12: the database and the files beside it are for their owner only', async () => {
  writeFileSync(file, '', { mode: 0o644 });
  const store = await openSqliteStore({ file, runtime: handClock().runtime, inProcess: true });
  await store.createTeam('t');
  const names = readdirSync(folder.path);
  expect(names).toContain('fusewire.db-wal');
  for (const name of names) expect([name, statSync(join(folder.path, name)).mode & 0o077]).toEqual([name, 0]);
  await store.close();
});

test('node:sqlite serves where Node has it, better-sqlite3 only where it has none', async () => {
  expect(['20.20.2', '22.12.0', '22.13.0', '24.21.0'].map(hasOwnSqlite)).toEqual([false, false, true, true]);
  const driver = await openDriver(file);
  expect(driver.name).toBe(hasOwnSqlite(process.versions.node) ? 'node:sqlite' : 'better-sqlite3');
  driver.close();
});

test('I6: integers beyond 2^53 come back as they were put in, and fractions do not get in at all', async () => {
  const database = await SqliteDatabase.open(file);
  const value = 2n ** 53n + 1n;
  await database.query('insert-team', { id: 't', numericId: value, name: 'n', createdAtMs: 1, revision: 0 });
  const [row] = await database.query('select-team', { id: 't' });
  expect(row?.['numeric_id']).toBe(value);
  await expect(database.query('set-team-revision', { id: 't', revision: 0.5 })).rejects.toThrow(RangeError);
  database.close();
});

test('an operation that fails in the middle leaves no trace, and the others of its commit are kept', async () => {
  const { runtime } = handClock();
  const store = await openSqliteStore({ file, runtime, inProcess: true });
  const { id } = await store.createTeam('t');
  await store.createControl(id, control());
  const good = event(NOON, { totalCost: 0.25, subscriber: { id: 'u1', email: 'a@b' } });
  // The second event cannot be stored: text is not what an integer column takes.
  const poisoned = { ...event(NOON, { totalCost: 0.5 }), receivedAtMs: 'now' as unknown as number };
  const results = await Promise.allSettled([
    store.recordEvents(id, [good]),
    store.recordEvents(id, [event(NOON, { totalCost: 0.5, subscriber: { id: 'u2', email: 'c@d' } }), poisoned]),
    store.recordEvents(id, [event(NOON, { totalCost: 0.25 })]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect((await store.findEvents(id, { page: 0, size: 9 })).totalElements).toBe(2);
  expect((await rulesOf(store, id))[0]?.currentValue).toBe(0.5);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.close();
  await expect(store.listTeams()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('I9: a writer thread that dies fails what was under way, and the next operation finds a new one', async () => {
  const { runtime } = handClock();
  const workers: Worker[] = [];
  const spawnWorker: typeof spawnWriter = (settings) => {
    const worker = spawnWriter(settings);
    workers.push(worker);
    return worker;
  };
  const store = await openSqliteStore({ file, runtime, spawnWorker });
  const { id } = await store.createTeam('t');
  const underWay = store.recordEvents(id, [event(NOON)]).catch((error: unknown) => error);
  await workers[0]?.terminate();
  const outcome = await underWay;
  if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'BROKEN' });
  expect((await store.listTeams()).map((team) => team.id)).toEqual([id]);
  expect(workers).toHaveLength(2);
  await store.close();
});

test('closing waits for what is under way, also where nothing else keeps the process alive', {
  timeout: 60_000,
}, async () => {
  const child = fileURLToPath(new URL('./close-child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...childArguments(child), file]);
  expect(stdout).toBe('closed after 0 teams\n');
});

test('I9, I10: a full disk fails events as unavailable, is said once, and is over by itself', async () => {
  const clock = handClock();
  const database = await SqliteDatabase.open(file);
  const group = new CommitGroup(database, clock.runtime.log);
  const run = async (operation: 'createTeam' | 'record' | 'listTeams', ...input: unknown[]) => {
    const { outcomes } = await group.run([{ operation, input, nowMs: NOON }]);
    return outcomes[0]!;
  };
  const team = await run('createTeam', 't');
  const { id } = (team.ok ? team.value : {}) as { id: string };
  const big = () => eventFactsOf(event(NOON, { systemPrompt: 'x'.repeat(200_000) }));
  // As if the disk ended here.
  database.exec('PRAGMA max_page_count = 70');
  for (let i = 0; i < 3; i += 1) {
    const outcome = await run('record', id, [{ facts: big() }]);
    expect(outcome).toMatchObject({ ok: false, error: { name: 'StoreError', code: 'UNAVAILABLE' } });
    expect((await run('listTeams')).ok).toBe(true);
  }
  const said = () => clock.logged.filter((line) => line.includes('the database takes'));
  expect(said()).toEqual(['the database takes no writes; events are told to come back']);
  database.exec('PRAGMA max_page_count = 100000');
  expect((await run('record', id, [{ facts: big() }])).ok).toBe(true);
  expect(said()).toHaveLength(2);
  database.close();
});
