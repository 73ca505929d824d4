/** The embedded database, loaded only when a service opens it: commands over HTTP do not need it. */
import type { StoreOpener } from './open-service.js';

/** The same without the writer thread, for a command that does one thing and ends. */
export const openEmbeddedStoreBriefly: StoreOpener = async (options) => {
  const { openSqliteStore } = await import('../store/sqlite/open-sqlite-store.js');
  return openSqliteStore({ ...options, inProcess: true });
};

/** Opens the SQLite store; where no driver is there, its error says what to install. */
export const openEmbeddedStore: StoreOpener = async (options) => {
  const { openSqliteStore } = await import('../store/sqlite/open-sqlite-store.js');
  return openSqliteStore(options);
};
