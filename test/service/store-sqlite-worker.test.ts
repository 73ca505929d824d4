import { join } from 'node:path';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { storeContract } from './store-contract.js';

storeContract('SQLite in its writer thread', (place, runtime) =>
  openSqliteStore({ file: join(place, 'fusewire.db'), runtime }),
);
