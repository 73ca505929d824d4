/** The stores that tests of the HTTP side run on. */
import type { StoreOpener } from '../../service/admin/open-service.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';

/** The embedded store without its thread: quick to open. */
export const openTestStore: StoreOpener = (options) => openSqliteStore({ ...options, inProcess: true });

/** A store by name. */
export interface TestStore {
  readonly name: string;
  readonly open: StoreOpener;
}

/** For `describe.each`. */
export const STORES: readonly TestStore[] = [{ name: 'on SQLite', open: openTestStore }];
