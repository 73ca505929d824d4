import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { alertContract } from '../alerts/alert-contract.js';
import { usePostgres } from '../postgres-support.js';
import { enforcementContract } from './enforcement-contract.js';

const server = usePostgres();
const databases = new Map<string, Promise<string>>();

const open: Parameters<typeof enforcementContract>[1] = async (place, runtime) => {
  const url = databases.get(place) ?? server.createDatabase();
  databases.set(place, url);
  return openPostgresStore({ url: await url, runtime });
};

enforcementContract('on PostgreSQL', open);
alertContract('on PostgreSQL', open);
