/** Opening the store that the settings name; a database is loaded only when it is used: commands over HTTP need none. */
import type { StoreOpener } from './open-service.js';

/** Opens the SQLite store; where no driver is there, its error says what to install. */
export const openEmbeddedStore: StoreOpener = async (options) => {
  const { openSqliteStore } = await import('../store/sqlite/open-sqlite-store.js');
  return openSqliteStore(options);
};

/** The same without the writer thread, for a command that does one thing and ends. */
export const openEmbeddedStoreBriefly: StoreOpener = async (options) => {
  const { openSqliteStore } = await import('../store/sqlite/open-sqlite-store.js');
  return openSqliteStore({ ...options, inProcess: true });
};

/** Opens the store on PostgreSQL where there is an address, else the embedded one. */
export const openStore: StoreOpener = (options) =>
  options.url === undefined ? openEmbeddedStore(options) : openShared(options);

/** The same for a command that does one thing and ends. On PostgreSQL services may run meanwhile. */
export const openStoreBriefly: StoreOpener = (options) =>
  options.url === undefined ? openEmbeddedStoreBriefly(options) : openShared(options);

const openShared: StoreOpener = async ({ url, runtime, log }) => {
  if (url === undefined) throw new Error('PostgreSQL needs an address');
  const { openPostgresStore } = await import('../store/postgres/open-postgres-store.js');
  return openPostgresStore({ url, runtime, log });
};
