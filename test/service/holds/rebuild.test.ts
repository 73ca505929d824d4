import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { handClock, tempFolder } from '../store-support.js';
import { cellOf, declarePrice, hard, settling, take } from './hold-support.js';

test.each([
  ['daily', {}],
  ['rolling', { windowType: 'ROLLING', windowDuration: 'PT24H' }],
  ['grouped', { groupBy: 'PRODUCT' }],
] as const)('I6, I7: what holds and charges came to is found wrong and put right: %s', async (_name, fields) => {
  const folder = tempFolder();
  const clock = handClock();
  const file = join(folder.path, 'x.db');
  const open = () => openSqliteStore({ file, runtime: clock.runtime, inProcess: true });
  let store = await open();
  const spoil = async (sql: string) => {
    await store.close();
    const driver = await openDriver(file);
    driver.exec(sql);
    driver.close();
    store = await open();
  };
  const { id } = await store.createTeam('t');
  await declarePrice(store, id);
  const made = await store.createControl(id, hard(fields));
  const dimensions = { model: 'held-model', provider: 'OPENAI', product: 'p' };
  const one = (cents: number, ttlSeconds?: number) => {
    const asked = take(cents, ttlSeconds === undefined ? {} : { ttlSeconds });
    return { ...asked, call: { ...asked.call, dimensions } };
  };
  const spy = async () => {
    const cell = await store.operateHolds(id, [{ ...one(1_000_000), owner: 'spy' }]);
    return cell[0]?.outcome === 'refused' ? [cell[0].refusal.spend, cell[0].refusal.held] : undefined;
  };
  const [open1, gone] = [one(20, 3_600), one(30)];
  await store.operateHolds(id, [open1, gone]);
  clock.advance(120_000);
  await store.recordEvents(id, [settling(clock.nowMs, 5, open1.id, { productName: 'p' })]);
  await store.turnWindows();
  await store.recordEvents(id, [settling(clock.nowMs, 4, gone.id, { productName: 'p' })]);
  const right = ['350000000', '150000000'];
  expect(await spy()).toEqual(right);
  expect(await store.rebuildTeam(id)).toMatchObject({ wrong: [], rebuilt: 0 });
  for (const sql of [
    'UPDATE balance SET held = held + 7',
    "UPDATE balance SET value = value - 100000000 WHERE group_key = ''",
    'UPDATE balance SET held = 0, value = 0',
    'DELETE FROM balance',
    "UPDATE hold_part SET charged = charged + 1 WHERE state = 'charged'",
    "UPDATE hold_part SET charged = 1 WHERE state = 'charged'; DELETE FROM balance",
  ]) {
    await spoil(sql);
    expect((await store.verifyBalances()).wrong.length, sql).toBeGreaterThan(0);
    expect(await store.rebuildTeam(id)).toMatchObject({ rebuilt: 1 });
    expect((await store.verifyBalances()).wrong).toEqual([]);
    expect(await spy(), sql).toEqual(right);
  }
  if (made.groupBy === null) expect(await cellOf(store, made)).toMatchObject({ spend: 35, held: 15 });
  await store.close();
  folder.remove();
});
