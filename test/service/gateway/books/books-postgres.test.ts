import { describe, expect, it } from 'vitest';
import { openPostgresStore } from '../../../../service/store/postgres/open-postgres-store.js';
import { until } from '../../../helpers/until.js';
import { usePostgres } from '../../postgres-support.js';
import { declared } from '../../pricing-support.js';
import { tempFolder } from '../../store-support.js';
import { describeBooks } from './books-suite.js';
import { callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

const server = usePostgres();

describeBooks({
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
});

describe('two gateways on one database', () => {
  it('share a budget: what one spends the other feels, and its controls too', async () => {
    const url = await server.createMigrated();
    const runtime = quietRuntime();
    const folders = [tempFolder(), tempFolder()];
    const stores = await Promise.all(folders.map(() => openPostgresStore({ url, runtime, writers: 3, readers: 2 })));
    const books = stores.map((store, i) => openBooks(store, folders[i]!.path, runtime));
    try {
      const { id } = await stores[0]!.createTeam('t');
      await stores[0]!.setPrice(id, declared({}, { request: 10_000_000_000n }));
      const { id: capId } = await stores[0]!.createControl(id, control({ hardLimit: '0.3', windowType: 'MONTHLY' }));
      const pay = async (which: number): Promise<string> => {
        const call = callOf(id);
        const admission = await books[which]!.admit(call);
        if (admission.outcome === 'admit') finish(books[which]!, call, admission.ticket);
        return admission.outcome;
      };
      const recorded = async () => (await stores[0]!.findEvents(id, { page: 0, size: 1 })).totalElements;
      expect(await pay(1)).toBe('admit');
      await until(async () => (await recorded()) === 1, 'it is recorded');
      for (let i = 0; i < 29; i += 1) expect(await pay(0)).toBe('admit');
      expect(await pay(0)).toBe('refuse');
      await until(async () => (await recorded()) === 30, 'all are recorded');
      // It knew of plenty, and felt the rest before it mattered, or within a second.
      await until(async () => (await pay(1)) === 'refuse', 'the other one refuses too');
      await stores[0]!.updateControl(id, capId, { hardLimit: '0.4' });
      await until(async () => (await pay(1)) === 'admit', 'the limit that the one raised is known to the other');
    } finally {
      await Promise.all(books.map((one) => one.close()));
      await Promise.all(stores.map((store) => store.close()));
      for (const folder of folders) folder.remove();
    }
  }, 30_000);
});
