import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import type { TestStore } from '../../helpers/stores.js';
import { describeDeskContract } from '../../holds/desk-contract.js';
import { startServiceDesk } from '../../holds/service-desk.js';
import { usePostgres } from '../postgres-support.js';
import { describeHoldsApi } from './holds-api-suite.js';

const server = usePostgres();
const store: TestStore = {
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
};

describeHoldsApi(store);
describeDeskContract('the service on PostgreSQL, over HTTP', () => startServiceDesk(store.open, 'http'));
