import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { openPostgresStore } from '../../../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../../service/store/store.js';
import { childArguments } from '../../../helpers/child-arguments.js';
import { untilAlone, usePostgres } from '../../postgres-support.js';
import { declared } from '../../pricing-support.js';
import { tempFolder } from '../../store-support.js';
import { callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

const CHILD = fileURLToPath(new URL('./books-child.ts', import.meta.url));
const CENT = 10_000_000_000n;
const LIMIT_CENTS = 400;
const runtime = quietRuntime();

describe('kill -9 under load', () => {
  const server = usePostgres();
  const children: ChildProcess[] = [];
  let folder: ReturnType<typeof tempFolder> | undefined;

  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    folder?.remove();
  });

  /** Runs until it has said so many lines, and is killed in the middle of the next. */
  async function runAndKill(args: readonly string[], lines: number): Promise<readonly string[]> {
    const child = spawn(process.execPath, [...childArguments(CHILD), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(line);
      if (said.length === lines) child.kill('SIGKILL');
    }
    return said;
  }

  async function eventsOf(store: Store, teamId: string) {
    const { items } = await store.findEvents(teamId, { page: 0, size: 5_000 });
    return items;
  }

  /** One or several processes at once, killed and started again; then the rest of the budget is used up to the cent. */
  async function rounds(place: string, open: () => Promise<Store>, processes: number): Promise<void> {
    folder = tempFolder();
    const { path } = folder;
    const before = await open();
    const { id } = await before.createTeam('t');
    await before.setPrice(id, declared({}, { request: CENT }));
    await before.createControl(id, control({ hardLimit: String(LIMIT_CENTS / 100), windowType: 'LIFETIME' }));
    await before.close();
    const said: string[] = [];
    for (const lines of [25, 60, 41]) {
      const runs = Array.from({ length: processes }, () => runAndKill([path, place, id], lines));
      said.push(...(await Promise.all(runs)).flat());
    }
    const store = await open();
    const books = openBooks(store, path, runtime);
    try {
      await books.recover();
      const ids = (await eventsOf(store, id)).map(({ transactionId }) => transactionId);
      expect(new Set(ids).size).toBe(ids.length);
      const told = (kind: string) => said.filter((line) => line.startsWith(kind)).map((line) => line.split(' ')[1]!);
      expect(told('ended').length).toBeGreaterThan(20);
      expect(told('ended').filter((one) => !ids.includes(one))).toEqual([]);
      expect(told('begun').filter((one) => !ids.includes(one))).toEqual([]);
      // What was under way is estimated, marked, and paid.
      const recovered = (await eventsOf(store, id)).filter(
        ({ body }) => (body['attributes'] as { recovered?: true }).recovered,
      );
      expect(recovered.length).toBeGreaterThan(0);
      for (let i = ids.length; i < LIMIT_CENTS + 1; i += 1) {
        const call = callOf(id);
        const admission = await books.admit(call);
        expect(admission.outcome).toBe(i < LIMIT_CENTS ? 'admit' : 'refuse');
        if (admission.outcome === 'admit') finish(books, call, admission.ticket);
      }
      await books.close();
      const all = await eventsOf(store, id);
      expect(all.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n)).toBe(BigInt(LIMIT_CENTS) * 10_000_000n);
      expect((await store.listConflicts(id, { page: 0, size: 1 })).totalElements).toBe(0);
      expect((await store.verifyBalances()).wrong).toEqual([]);
    } finally {
      await books.close();
      await store.close();
    }
  }

  it('on SQLite every attempt is in the ledger once, and the budget is spent to the cent', async () => {
    const own = tempFolder();
    const file = `${own.path}/db`;
    try {
      await rounds(file, () => openSqliteStore({ file, runtime, inProcess: true }), 1);
    } finally {
      own.remove();
    }
  }, 60_000);

  it('on PostgreSQL, two at a time', async () => {
    const url = await server.createMigrated();
    const open = async () => {
      await untilAlone(url);
      return openPostgresStore({ url, runtime });
    };
    await rounds(url, open, 2);
  }, 60_000);
});
