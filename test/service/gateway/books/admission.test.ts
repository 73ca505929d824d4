import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayBooks } from '../../../../service/gateway/types.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { declared } from '../../pricing-support.js';
import { tempFolder } from '../../store-support.js';
import { admitted, callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

describe('the one choke point', () => {
  const runtime = quietRuntime();
  let folder: ReturnType<typeof tempFolder>;
  let store: Store;
  let books: GatewayBooks;
  let teamId: string;

  beforeEach(async () => {
    folder = tempFolder();
    store = await openSqliteStore({ file: `${folder.path}/db`, runtime, inProcess: true });
    teamId = (await store.createTeam('t')).id;
    books = openBooks(store, folder.path, runtime);
  });

  afterEach(async () => {
    await books.close();
    await store.close();
    folder.remove();
  });

  it('admits exactly 100 of 1,000 parallel calls on a budget for 100, priced by the request', async () => {
    await store.setPrice(teamId, declared({}, { request: 10_000_000_000n }));
    await store.createControl(teamId, control({ hardLimit: '1', windowType: 'MONTHLY' }));
    const calls = Array.from({ length: 1_000 }, () => callOf(teamId));
    const admissions = await Promise.all(calls.map((call) => books.admit(call)));
    const passed = admitted(admissions);
    expect(passed).toHaveLength(100);
    const refused = admissions.find((one) => one.outcome === 'refuse');
    expect(refused).toMatchObject({ refusal: { code: 'BUDGET_EXCEEDED', asked: '0.01' } });
    expect(refused?.budget).toMatchObject({ limit: '1', spend: '0', held: '1', remaining: '0' });
    for (const { ticket } of passed) finish(books, calls[0]!, ticket);
    await until(
      async () => (await store.findEvents(teamId, { page: 0, size: 1 })).totalElements === 100,
      'all recorded',
    );
    const last = await books.admit(callOf(teamId));
    expect(last.outcome).toBe('refuse');
    console.log(
      JSON.stringify(last, null, 1),
      last.outcome === 'refuse' && last.refusal.message,
      refused?.outcome === 'refuse' && refused.refusal.message,
    );
  });
});
