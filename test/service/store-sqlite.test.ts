import { join } from 'node:path';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { storeContract } from './store-contract.js';

storeContract('SQLite on the thread of its caller', (place, runtime) =>
  openSqliteStore({ file: join(place, 'data', 'fusewire.db'), runtime, inProcess: true }),
);
