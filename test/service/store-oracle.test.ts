import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { oracleTest } from './store-oracle.js';
import { tempFolder } from './store-support.js';

const folder = tempFolder();
afterAll(() => folder.remove());

oracleTest(
  'on SQLite',
  ({ runtime }) => openSqliteStore({ file: join(folder.path, 'x.db'), runtime, inProcess: true, fillSlice: 3 }),
  80,
);
