// Prices and events of the first release, in the store of today.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { declared, sheet } from '../pricing-support.js';
import { pricesOf, repriced } from '../repricing-support.js';
import { control, event, HOUR, handClock, NOON, rulesOf, tempFolder } from '../store-support.js';

const MIGRATIONS = fileURLToPath(new URL('../../../service/store/sql/sqlite/migrations/', import.meta.url));
const folder = tempFolder();
afterEach(() => folder.remove());

test('replaced prices of the first release hold for events of their time; its unknown events are found', async () => {
  const file = join(folder.path, 'fusewire.db');
  const driver = await openDriver(file);
  driver.exec('CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT');
  for (const name of ['0001_ledger.sql', '0002_control-fill.sql'])
    driver.exec(readFileSync(join(MIGRATIONS, name), 'utf8'));
  const columns = (id: string) =>
    `'${id}', 'fwT', '${id}', 'h', '${JSON.stringify({ model: id, provider: 'Acme', inputTokenCount: 1_000 })}',
    ${NOON}, ${NOON}, 0, 'reported', '${id}', NULL, 'Acme', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    1000, 0, 1000, 0, 0`;
  driver.exec(`
    INSERT INTO schema_version VALUES (1), (2);
    INSERT INTO team VALUES ('fwT', 1, 't', 0, 1, 1, 1);
    INSERT INTO price_override VALUES
      ('p1', 'fwT', NULL, 'own', char(10) || 'own', 'rates', 1000000, NULL, NULL, 5, NULL, ${NOON - 5 * HOUR}, ${NOON - HOUR}),
      ('p2', 'fwT', NULL, 'own', char(10) || 'own', 'rates', 2000000, 7, NULL, NULL, 9, ${NOON - HOUR}, NULL);
    INSERT INTO usage_event VALUES (${columns('never')}), (${columns('known')});
    INSERT INTO price_entry VALUES
      ('never', 1, 0, 'unknown', 'recorded', 'none', ${NOON}), ('known', 1, 5, 'known', 'recorded', 'caller', ${NOON});
  `);
  driver.close();
  const clock = handClock();
  const store = await openSqliteStore({ file, runtime: clock.runtime, inProcess: true });
  try {
    const all = await store.listPrices('fwT', { all: true });
    expect(all.map(({ id, rates }) => [id, rates])).toEqual([
      ['p1', sheet({ input: 1_000_000n, cacheWrite: 5n })],
      ['p2', sheet({ input: 2_000_000n, output: 7n, request: 9n })],
    ]);
    expect((await store.listPrices('fwT')).map(({ id }) => id)).toEqual(['p2']);
    const own = (transactionId: string, atMs: number) =>
      event(atMs, { transactionId, model: 'own', provider: 'Acme', inputTokenCount: 1_000 }, NOON);
    await store.recordEvents('fwT', [own('early', NOON - 2 * HOUR), own('late', NOON)]);
    await store.createControl('fwT', control({ hardLimit: '100' }));
    await store.setPrice('fwT', declared({ model: 'never' }, { request: 1_000_000_000_000n }));
    await repriced(store, 'fwT');
    expect(await pricesOf(store, 'fwT')).toEqual({
      never: ['known', 1_000_000_000n],
      known: ['known', 5n],
      early: ['known', 1_000_000n],
      late: ['known', 2_000_000n],
    });
    expect((await store.verifyBalances()).wrong).toEqual([]);
    clock.advance(60_000);
    expect(await rulesOf(store, 'fwT')).toMatchObject([{ currentValue: 1.003000005 }]);
  } finally {
    await store.close();
  }
});
