import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { usePostgres } from './postgres-support.js';
import { storeContract } from './store-contract.js';

const server = usePostgres();
const databases = new Map<string, Promise<string>>();

storeContract('PostgreSQL', async (place, runtime) => {
  let url = databases.get(place);
  if (url === undefined) {
    url = server.createMigrated();
    databases.set(place, url);
  }
  return openPostgresStore({ url: await url, runtime });
});
