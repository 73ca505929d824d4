import { join } from 'node:path';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { onePlace, usePostgres } from '../postgres-support.js';
import { onStore } from './hold-bench.js';
import { holdOddContract } from './hold-odd-contract.js';

const urlOf = onePlace(usePostgres());

onStore(
  'odd holds on SQLite',
  (place, runtime) => openSqliteStore({ file: join(place, 'data', 'fusewire.db'), runtime, inProcess: true }),
  [holdOddContract],
);
onStore('odd holds on PostgreSQL', async (place, runtime) => openPostgresStore({ url: await urlOf(place), runtime }), [
  holdOddContract,
]);
