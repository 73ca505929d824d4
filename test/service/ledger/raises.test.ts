import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { STORES } from '../../helpers/stores.js';
import { usePostgres } from '../postgres-support.js';
import { describeRaises } from './raises-suite.js';

for (const store of STORES) describeRaises(store);

const server = usePostgres();
describeRaises({
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
});
