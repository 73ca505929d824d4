/** The embedded database, loaded only when a service opens it: commands over HTTP do not need it. */
import type { StoreOpener } from './open-service.js';

/** Opens the SQLite store; where no driver is there, its error says what to install. */
export const openEmbeddedStore: StoreOpener = async (options) => {
  const { openSqliteStore } = await import('../store/sqlite/open-sqlite-store.js');
  return openSqliteStore(options);
};
