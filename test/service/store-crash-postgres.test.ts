import { createRuntime } from 'fusewire/internal';
import { expect, test } from 'vitest';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import type { Store } from '../../service/store/store.js';
import { runSql, SERVER_IS_GIVEN, untilAlone, usePostgres } from './postgres-support.js';
import { killRounds } from './store-crash.js';
import { control, event } from './store-support.js';

const server = usePostgres({ flushes: true });
const ROUNDS = 4;
const runtime = createRuntime({}, 'CRITICAL');
const open = (url: string): Promise<Store> => openPostgresStore({ url, runtime });

test(`I4, I6: after kill -9 of three processes at once, ${ROUNDS} times over, nothing is lost, and nothing there twice`, {
  timeout: 180_000,
}, async () => {
  const url = await server.createMigrated();
  const openAlone = async () => {
    await untilAlone(url);
    return open(url);
  };
  await killRounds(url, openAlone, ROUNDS, 3);
});

test.skipIf(SERVER_IS_GIVEN)(
  'I4, I6: a server that crashes under load keeps what was acknowledged, and counts it once',
  {
    timeout: 60_000,
  },
  async () => {
    const url = await server.createMigrated();
    const store = await open(url);
    try {
      const { id } = await store.createTeam('t');
      await store.createControl(id, control({ hardLimit: '1000000', windowType: 'QUARTERLY' }));
      let stored = 0;
      const load = Promise.all(
        Array.from({ length: 6 }, async () => {
          for (let i = 0; i < 50; i += 1) {
            const [one] = await store.recordEvents(id, [event(runtime.now(), { totalCost: 0.01 })]);
            // Never a duplicate: what was committed just before the crash is told as what it was.
            expect(one?.outcome).toBe('stored');
            stored += 1;
          }
        }),
      );
      for (let crash = 1; crash <= 2; crash += 1) {
        while (stored < crash * 80) await new Promise((resolve) => setTimeout(resolve, 2));
        // As if a backend had died: the server throws away its memory and recovers from its log.
        await server.crash();
      }
      await load;
      expect((await store.findEvents(id, { page: 0, size: 1 })).totalElements).toBe(300);
      const [sum] = await runSql(url, "SELECT value FROM balance WHERE group_key = ''");
      expect(sum?.['value']).toBe('3000000000');
      expect((await store.verifyBalances()).wrong).toEqual([]);
    } finally {
      await store.close();
    }
  },
);
