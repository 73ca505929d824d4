import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDatabaseFile, copyDatabaseFile } from '../../../service/store/sqlite/copy-database.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../service/store/store.js';
import { control, event, handClock, tempFolder } from '../store-support.js';

describe.each([
  { name: 'in a thread', inProcess: false },
  { name: 'in the process', inProcess: true },
])('a copy of the database, $name', ({ inProcess }) => {
  const clock = handClock();
  let folder: ReturnType<typeof tempFolder>;
  let store: Store;
  beforeEach(async () => {
    folder = tempFolder();
    store = await openSqliteStore({ file: join(folder.path, 'fusewire.db'), runtime: clock.runtime, inProcess });
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });
  const to = (name: string) => join(folder.path, name);

  it('holds every event that was acknowledged before, while more come in, and its balances agree', async () => {
    const team = await store.createTeam('one');
    await store.createControl(team.id, control());
    const record = (count: number) =>
      Promise.all(
        Array.from({ length: count }, () => store.recordEvents(team.id, [event(clock.nowMs, { totalCost: 1 })])),
      );
    await record(50);
    const [, ...more] = await Promise.all([store.backUp(to("it's a copy.db")), record(50), record(50)]);
    expect(more.flat()).toHaveLength(100);
    const { events } = await checkDatabaseFile(to("it's a copy.db"));
    expect(events).toBeGreaterThanOrEqual(50n);
    expect(statSync(to("it's a copy.db")).mode & 0o777).toBe(0o600);
    const copy = await openSqliteStore({ file: to("it's a copy.db"), runtime: clock.runtime, inProcess: true });
    try {
      expect(await copy.verifyBalances()).toEqual({ checked: expect.any(Number), wrong: [] });
      expect((await copy.findEvents(team.id, { page: 0, size: 1 })).totalElements).toBe(Number(events));
    } finally {
      await copy.close();
    }
  });

  it('never replaces a file, leaves nothing where it fails, and the store goes on', async () => {
    writeFileSync(to('there'), 'mine');
    await expect(store.backUp(to('there'))).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringMatching(/is there already/),
    });
    await expect(store.backUp(to('no/such/folder'))).rejects.toMatchObject({ code: 'INVALID' });
    expect(statSync(to('there')).size).toBe(4);
    expect(readdirSync(folder.path).filter((name) => !name.startsWith('fusewire.db'))).toEqual(['there']);
    expect((await store.createTeam('still here')).name).toBe('still here');
  });

  it('is not made behind the back of a store that has the file open', async () => {
    const copying = copyDatabaseFile(join(folder.path, 'fusewire.db'), to('copy.db'));
    await expect(copying).rejects.toMatchObject({ code: 'LOCKED' });
    await store.close();
    await copyDatabaseFile(join(folder.path, 'fusewire.db'), to('copy.db'));
    expect(await checkDatabaseFile(to('copy.db'))).toMatchObject({ events: 0n });
    writeFileSync(to('not one'), 'x'.repeat(5_000));
    await expect(checkDatabaseFile(to('not one'))).rejects.toMatchObject({ code: 'UNREADABLE' });
  });
});
