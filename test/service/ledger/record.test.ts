import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { clearLedgerCache, createLedgerCache } from '../../../service/ledger/context.js';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import type { RecordItem } from '../../../service/ledger/record.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { type GroupDatabase, runGroup } from '../../../service/store/operation-group.js';
import { SqliteDatabase } from '../../../service/store/sqlite/database.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { spawnWriter } from '../../../service/store/sqlite/spawn-writer.js';
import type { Team } from '../../../service/store/store.js';
import { control, event, handClock, NOON, tempFolder } from '../store-support.js';
import { recordProperties } from './record-properties.js';

recordProperties(
  'recording on SQLite',
  (place, runtime) => openSqliteStore({ file: join(place, 'x.db'), runtime, inProcess: true }),
  120,
);
recordProperties(
  'recording on SQLite in its writer thread',
  (place, runtime) => openSqliteStore({ file: join(place, 'x.db'), runtime }),
  25,
);

/** Runs operations on a database and notes every round trip. */
async function countingGroup(file: string) {
  const database = await SqliteDatabase.open(file);
  const trips: string[] = [];
  const exec = async (sql: string) => database.exec(sql);
  const counted: GroupDatabase = {
    query(statement, params) {
      trips.push(statement);
      return database.query(statement, params);
    },
    many(statement, sets) {
      trips.push(statement);
      return database.many(statement, sets);
    },
    begin: () => exec('BEGIN'),
    commit: () => exec('COMMIT'),
    rollBack: () => exec('ROLLBACK'),
    savepoint: () => exec('SAVEPOINT operation'),
    releaseSavepoint: () => exec('RELEASE operation'),
    rollBackToSavepoint: () => exec('ROLLBACK TO operation; RELEASE operation'),
    explain: (error) => error,
    lost: () => undefined,
  };
  const cache = createLedgerCache();
  const { log } = handClock().runtime;
  const surroundings = {
    log,
    catalogue: createCatalogue(),
    cache,
    forget: () => clearLedgerCache(cache),
    fillSlice: 9,
  };
  const run = async (
    operation: 'record' | 'createTeam' | 'createControl' | 'listEnforcementEvents',
    ...input: unknown[]
  ) => {
    const { outcomes } = await runGroup(counted, [{ operation, input, nowMs: NOON }], surroundings);
    const [outcome] = outcomes;
    if (outcome?.ok !== true) throw outcome?.error;
    return outcome.value;
  };
  return { run, trips, close: () => database.close() };
}

test('the number of round trips is the same for 5 events and for 500, whatever is new about them', async () => {
  const folder = tempFolder();
  const { run, trips, close } = await countingGroup(join(folder.path, 'x.db'));
  const { id } = (await run('createTeam', 't')) as Team;
  for (const groupBy of ['SUBSCRIBER', 'MODEL', null] as const) {
    await run('createControl', id, control({ groupBy, hardLimit: '1000000' }));
  }
  let people = 0;
  const batch = (size: number): RecordItem[] =>
    Array.from({ length: size }, (_, i) => {
      people += 1;
      const subscriber = { id: `u${people}`, email: `Person${people}@example.org` };
      const facts = eventFactsOf(event(NOON, { totalCost: 1, subscriber, model: `m${i % 7}` }));
      return { facts, key: { key: `k${people}`, bodyHash: 'h' } };
    });
  const tripsOf = async (items: readonly RecordItem[]): Promise<readonly string[]> => {
    trips.length = 0;
    await run('record', id, items);
    return [...trips];
  };
  // What the team's copies need is read once.
  await tripsOf(batch(7));
  const few = batch(7);
  const many = batch(500);
  const fewTrips = await tripsOf(few);
  expect(await tripsOf(many)).toEqual(fewTrips);
  expect(fewTrips.length).toBeLessThanOrEqual(13);
  const unkeyed = (items: readonly RecordItem[]) => items.map(({ facts }) => ({ facts }));
  const again = await tripsOf(unkeyed(few));
  expect(again).toEqual(['select-team-state', 'insert-event', 'select-event-by-transaction']);
  expect(await tripsOf(unkeyed(many))).toEqual(again);
  const changed = (items: readonly RecordItem[]) =>
    items.map(({ facts }) => ({ facts: { ...facts, bodyHash: 'other' } }));
  const conflicting = await tripsOf(changed(few));
  expect(conflicting).toEqual([...again, 'insert-conflict']);
  expect(await tripsOf(changed(many))).toEqual(conflicting);
  close();
  folder.remove();
});

test('a batch that trips hundreds of groups at once tells each of them, in the round trips of a few', async () => {
  const folder = tempFolder();
  const { run, trips, close } = await countingGroup(join(folder.path, 'x.db'));
  const { id } = (await run('createTeam', 't')) as Team;
  await run('createControl', id, control({ groupBy: 'AGENT', hardLimit: '1' }));
  let agents = 0;
  const tripping = (size: number): RecordItem[] =>
    Array.from({ length: size }, () => {
      agents += 1;
      const subscriber = { id: `u${agents}` };
      return { facts: eventFactsOf(event(NOON, { totalCost: 1, agent: `a${agents}`, subscriber })) };
    });
  await run('record', id, tripping(3));
  const seen: string[][] = [];
  for (const size of [4, 400]) {
    trips.length = 0;
    await run('record', id, tripping(size));
    seen.push([...trips]);
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[0]).toContain('insert-enforcement-event');
  const { totalElements } = (await run('listEnforcementEvents', id, { page: 0, size: 1 })) as { totalElements: number };
  expect(totalElements).toBe(agents);
  close();
  folder.remove();
});

test('I4, I9: what was acknowledged is kept, once, though the writer thread dies again and again', {
  timeout: 60_000,
}, async () => {
  const folder = tempFolder();
  const { runtime } = handClock();
  const workers: Worker[] = [];
  const spawnWorker: typeof spawnWriter = (settings) => {
    const worker = spawnWriter(settings);
    workers.push(worker);
    return worker;
  };
  const store = await openSqliteStore({ file: join(folder.path, 'x.db'), runtime, spawnWorker });
  const { id } = await store.createTeam('t');
  await store.createControl(id, control({ hardLimit: '1000000', groupBy: 'SUBSCRIBER' }));
  const acknowledged = new Map<string, string>();
  const sent: { event: ReturnType<typeof event>; key: { key: string; bodyHash: string } }[] = [];
  const send = async (position: number): Promise<void> => {
    const one = sent[position]!;
    const [outcome] = await store.record(id, [one]).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'BROKEN' });
      return [undefined];
    });
    if (outcome === undefined) return;
    if (outcome.state === 'failed') throw outcome.error;
    if (outcome.state === 'mismatch') throw new Error('nobody else has this key');
    const stored =
      outcome.state === 'recorded' ? outcome.result.id : (JSON.parse(outcome.answer.body) as { id: string }).id;
    expect(acknowledged.get(one.event.transactionId) ?? stored).toBe(stored);
    acknowledged.set(one.event.transactionId, stored);
  };
  for (let round = 0; round < 6; round += 1) {
    const sends: Promise<void>[] = [];
    for (let i = 0; i < 60; i += 1) {
      const one = event(NOON, {
        totalCost: 1,
        subscriber: { email: `p${i % 9}@x`, ...(i % 2 ? { id: `p${i % 9}` } : {}) },
      });
      sent.push({ event: one, key: { key: one.transactionId, bodyHash: 'h' } });
      sends.push(send(sent.length - 1));
      if (i % 20 === 19) await Promise.race(sends.slice(-20));
      if (i === 30) void workers.at(-1)?.terminate();
    }
    await Promise.all(sends);
  }
  expect(workers.length).toBeGreaterThan(3);
  const { items, totalElements } = await store.findEvents(id, { page: 0, size: 1_000 });
  const stored = new Map(items.map((item) => [item.transactionId, item.id]));
  expect(stored.size).toBe(totalElements);
  for (const [transactionId, eventId] of acknowledged) expect(stored.get(transactionId)).toBe(eventId);
  // Sent again, as clients do that got no answer.
  await Promise.all(sent.map((_, position) => send(position)));
  expect((await store.findEvents(id, { page: 0, size: 1 })).totalElements).toBe(sent.length);
  expect(acknowledged.size).toBe(sent.length);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.close();
  folder.remove();
});
