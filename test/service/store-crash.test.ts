import { once } from 'node:events';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../service/store/store.js';
import { endChild, killRounds, type StoreChild, startChild } from './store-crash.js';
import { tempFolder } from './store-support.js';

const ROUNDS = 15;

let folder: ReturnType<typeof tempFolder>;
let file: string;
const children: StoreChild[] = [];

beforeEach(() => {
  folder = tempFolder();
  file = join(folder.path, 'fusewire.db');
});
afterEach(async () => {
  for (const child of children.splice(0)) await endChild(child);
  folder.remove();
});

function start(...args: string[]): StoreChild {
  const started = startChild(file, ...args);
  children.push(started);
  return started;
}

const open = (): Promise<Store> => openSqliteStore({ file, runtime: createRuntime({}, 'CRITICAL') });

test(
  `I4, I6: after kill -9, ${ROUNDS} times over, what was acknowledged is there, and nothing twice`,
  {
    timeout: 180_000,
  },
  () => killRounds(file, open, ROUNDS),
);

test('a second process on the same file is refused and told what to do, and gets it when the first was killed', {
  timeout: 60_000,
}, async () => {
  const first = start();
  expect((await first.lines.next()).value).toBe('open');
  await expect(open()).rejects.toMatchObject({
    code: 'LOCKED',
    message: expect.stringMatching(/another process .*fusewire\.db.* stop the other/s),
  });
  const second = start();
  expect((await second.lines.next()).value).toMatch(/^LOCKED: /);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const store = await open();
  expect(await store.listTeams()).toEqual([]);
  await store.close();
});

test('a second store in the same process is refused as well', { timeout: 60_000 }, async () => {
  const store = await open();
  await expect(open()).rejects.toMatchObject({ code: 'LOCKED' });
  const inProcess = openSqliteStore({ file, runtime: createRuntime({}, 'CRITICAL'), inProcess: true });
  await expect(inProcess).rejects.toMatchObject({ code: 'LOCKED' });
  await store.close();
  const again = await open();
  await again.close();
});
