// A child process of the store's failure tests: opens a store, asks it something and closes it; nothing else keeps it alive.
import { createRuntime } from 'fusewire/internal';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';

const store = await openSqliteStore({ file: process.argv[2] ?? '', runtime: createRuntime({}, 'CRITICAL') });
const asked = store.listTeams();
await store.close();
process.stdout.write(`closed after ${(await asked).length} teams\n`);
