import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../service/store/store.js';
import { control, rulesOf, tempFolder } from './store-support.js';

const CHILD = fileURLToPath(new URL('./store-child.ts', import.meta.url));
const ROUNDS = 15;

let folder: ReturnType<typeof tempFolder>;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = tempFolder();
  file = join(folder.path, 'fusewire.db');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  folder.remove();
});

function start(...args: string[]): { child: ChildProcess; lines: AsyncIterableIterator<string> } {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, file, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}

const open = (): Promise<Store> => openSqliteStore({ file, runtime: createRuntime({}, 'CRITICAL') });

test(`I4, I6: after kill -9, ${ROUNDS} times over, what was acknowledged is there, and nothing twice`, {
  timeout: 180_000,
}, async () => {
  const store = await open();
  const { id } = await store.createTeam('t');
  await store.createControl(id, control({ hardLimit: '1000000', windowType: 'QUARTERLY' }));
  await store.close();
  const acknowledged: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, lines } = start(id, String(round));
    let seen = 0;
    for await (const line of lines) {
      if (line !== 'open') acknowledged.push(line);
      seen += 1;
      // In the middle of the work, at another point each time.
      if (seen === 20 + round * 7) child.kill('SIGKILL');
    }
    expect(seen).toBeGreaterThanOrEqual(20 + round * 7);
  }
  const after = await open();
  try {
    const stored: string[] = [];
    for (let page = 0; ; page += 1) {
      const { items } = await after.findEvents(id, { page, size: 5_000 });
      stored.push(...items.map(({ transactionId }) => transactionId));
      if (items.length < 5_000) break;
    }
    const kept = new Set(stored);
    expect(stored).toHaveLength(kept.size);
    expect(acknowledged.filter((transactionId) => !kept.has(transactionId))).toEqual([]);
    expect((await after.verifyBalances()).wrong).toEqual([]);
    await keysAnswer(after, id, acknowledged, kept);
    expect((await rulesOf(after, id))[0]?.currentValue).toBeCloseTo(kept.size / 100, 6);
  } finally {
    await after.close();
  }
});

/** A key has its answer exactly where its event is kept, and none is taken for ever by a request that died. */
async function keysAnswer(store: Store, teamId: string, acknowledged: readonly string[], kept: ReadonlySet<string>) {
  const keyed = [...kept].filter((transactionId) => /-[13]-/.test(transactionId));
  expect(keyed.length).toBeGreaterThan(ROUNDS);
  const lost = acknowledged.map((transactionId) => `${transactionId}-never-sent`);
  for (const key of [...keyed, ...lost]) {
    const event = {
      transactionId: key,
      receivedAtMs: Date.now(),
      body: { transactionId: key, model: 'm', provider: 'P' },
    };
    const { state } = await store.recordOnce(teamId, { key, bodyHash: 'h', event });
    expect([key, state]).toEqual([key, kept.has(key) ? 'replayed' : 'recorded']);
  }
}

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
