import { expect, test } from 'vitest';
import { BALANCE_OWN, BALANCE_READERS, BALANCE_WRITERS, BalanceBook } from '../../../service/ledger/balance-book.js';
import { windowOf } from '../../../service/ledger/windows.js';
import { SqliteDatabase } from '../../../service/store/sqlite/database.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { readStatements } from '../../../service/store/statements.js';
import { control, event, handClock, NOON, rulesOf, tempFolder } from '../store-support.js';

test('every statement that touches balances is known to the book, as a reader or as a writer', () => {
  const readers: string[] = [];
  const writers: string[] = [];
  for (const [name, sql] of readStatements('sqlite')) {
    if (BALANCE_OWN.has(name) || !/\bbalance\b/.test(sql)) continue;
    if (/^(UPDATE|DELETE|INSERT)/.test(sql)) writers.push(name);
    else readers.push(name);
  }
  expect(readers.sort()).toEqual([...BALANCE_READERS].sort());
  expect(writers.sort()).toEqual([...BALANCE_WRITERS].sort());
});

test('a balance is read once and written once, however often it moves; a reader sees what was moved', async () => {
  const asked: string[] = [];
  const ask = async (statement: string) => {
    asked.push(statement);
    return [];
  };
  const book = new BalanceBook({ query: ask, many: ask });
  const window = windowOf('DAILY', NOON);
  for (let i = 1; i <= 500; i += 1) {
    const balance = await book.move('c', window, '', { value: 2n, unknownCount: 0n });
    expect(balance).toMatchObject({ value: BigInt(2 * i), unknownCount: 0n, announced: 0, held: 0n });
  }
  await book.announce('c', window, '', 2);
  expect(asked).toEqual(['load-balances']);
  await book.query('select-feed-groups', {});
  expect(asked).toEqual(['load-balances', 'put-balance', 'select-feed-groups']);
  await book.flush();
  expect(asked).toHaveLength(3);
  await book.query('delete-balances', {});
  await book.move('c', window, '', { value: 1n, unknownCount: 0n });
  expect(asked.slice(3)).toEqual(['delete-balances', 'load-balances']);
});

test('balances that are loaded together cost one round trip each way, and those that are here already none', async () => {
  const asked: string[] = [];
  const window = windowOf('DAILY', NOON);
  const times = { window_start_ms: BigInt(window.startMs), window_end_ms: BigInt(window.endMs) };
  const row = { control_id: 'c1', group_key: '', ...times };
  const sums = { value: 5n, unknown_count: 1n, announced: 2n, held: 7n, overrun: 0n };
  const book = new BalanceBook({
    query: async () => [],
    async many(statement, sets) {
      asked.push(`${statement} ${sets.length}`);
      return statement === 'load-balances' ? [{ ...row, ...sums }] : [];
    },
  });
  const keys = ['c1', 'c2', 'c3'].map((controlId) => ({ controlId, window, groupKey: '' }));
  await book.load([...keys, ...keys]);
  await book.load(keys);
  const moved = await book.move('c1', window, '', { value: 1n, unknownCount: 0n });
  expect(moved).toEqual({ value: 6n, unknownCount: 1n, announced: 2, held: 7n, overrun: 0n });
  expect(await book.move('c2', window, '', { value: 1n, unknownCount: 0n })).toMatchObject({ value: 1n, announced: 0 });
  await book.flush();
  expect(asked).toEqual(['load-balances 3', 'put-balance 2']);
});

test('I6: events of one commit that fail, merge groups, trip and are read back leave the balances of the sum', async () => {
  const folder = tempFolder();
  const { runtime } = handClock();
  const store = await openSqliteStore({ file: `${folder.path}/x.db`, runtime, inProcess: true });
  const { id } = await store.createTeam('t');
  await store.createControl(id, control({ hardLimit: '3', groupBy: 'SUBSCRIBER' }));
  await store.createControl(id, control({ hardLimit: '2' }));
  const spend = (subscriber: object, totalCost = 1) => event(NOON, { totalCost, subscriber });
  const poisoned = { ...spend({ id: 'u1' }, 50), receivedAtMs: 'now' as unknown as number };
  const results = await Promise.allSettled([
    store.recordEvents(id, [spend({ email: 'a@b' }), spend({ email: 'a@b' })]),
    store.recordEvents(id, [spend({ id: 'u1', email: 'A@b' }), poisoned]),
    store.recordEvents(id, [spend({ id: 'u1', email: 'a@b' })]),
    store.updateControl(id, 'nothing', {}),
    store.createControl(id, control({ hardLimit: 'nonsense' })),
    store.recordEvents(id, [spend({ id: 'u1' })]),
  ]);
  const outcomes = results.map(({ status }) => (status === 'fulfilled' ? 'kept' : 'failed'));
  expect(outcomes).toEqual(['kept', 'failed', 'kept', 'kept', 'failed', 'kept']);
  const rules = await rulesOf(store, id);
  expect(rules.map(({ currentValue }) => currentValue)).toEqual([4, 4]);
  expect(rules[0]?.groupBreakdown?.map((entry) => [entry.groupValue, entry.currentValue])).toContainEqual(['u1', 4]);
  const kinds = (await store.listEnforcementEvents(id, { page: 0, size: 9 })).items.map(({ kind }) => kind);
  expect(kinds).toEqual(['trip', 'trip']);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  await store.close();
  folder.remove();
});

test('an operation that is run again after another one failed says what it has to say once', async () => {
  const folder = tempFolder();
  const clock = handClock();
  const store = await openSqliteStore({ file: `${folder.path}/x.db`, runtime: clock.runtime, inProcess: true });
  const { id } = await store.createTeam('t');
  const one = event(NOON, { totalCost: 1 });
  const other = { ...one, body: { ...one.body, totalCost: 2 } };
  await Promise.allSettled([
    store.recordEvents(id, [one]),
    store.recordEvents(id, [other]),
    store.recordEvents('nobody', [one]),
  ]);
  expect(clock.logged.filter((line) => line.includes('one transaction id'))).toHaveLength(1);
  await store.close();
  folder.remove();
});

test('the book keeps a bound number of balances, and loses none beyond it', async () => {
  const folder = tempFolder();
  const database = await SqliteDatabase.open(`${folder.path}/x.db`);
  database.exec('PRAGMA foreign_keys = OFF; BEGIN');
  const book = new BalanceBook(database);
  const window = windowOf('DAILY', NOON);
  for (let i = 0; i < 20_500; i += 1) await book.move('c', window, `g${i}`, { value: 1n, unknownCount: 0n });
  await book.move('c', window, 'g0', { value: 1n, unknownCount: 0n });
  const rows = await book.query('select-balances', { controlId: 'c' });
  expect(rows).toHaveLength(20_500);
  expect(rows.find((row) => row['group_key'] === 'g0')?.['value']).toBe(2n);
  database.exec('ROLLBACK');
  database.close();
  folder.remove();
});
