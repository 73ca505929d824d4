import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { STORES } from '../../helpers/stores.js';
import { usePostgres } from '../postgres-support.js';
import { describeHardFeed } from './hard-feed-suite.js';

for (const store of STORES) describeHardFeed(store);

const server = usePostgres();
describeHardFeed({
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
});
