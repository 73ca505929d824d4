import { usePostgres } from './postgres-support.js';
import { openInTurn } from './replicas.js';
import { storeContract } from './store-contract.js';

const server = usePostgres();
const databases = new Map<string, Promise<string>>();

storeContract('Three replicas on one PostgreSQL, in turn', async (place, runtime) => {
  let url = databases.get(place);
  if (url === undefined) {
    url = server.createMigrated();
    databases.set(place, url);
  }
  return openInTurn(await url, runtime);
});
