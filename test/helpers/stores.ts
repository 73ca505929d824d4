/** The stores that tests of the HTTP side run on: the small one in memory, and the real one. */
import type { StoreOpener } from '../../service/admin/open-service.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { createMemoryStore } from './memory-store.js';

/** For `describe.each`. */
export const STORES: readonly { readonly name: string; readonly open: StoreOpener }[] = [
  { name: 'in memory', open: async ({ runtime }) => createMemoryStore(runtime) },
  { name: 'on SQLite', open: (options) => openSqliteStore({ ...options, inProcess: true }) },
];
