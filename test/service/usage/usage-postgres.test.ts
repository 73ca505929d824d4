import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import type { TestStore } from '../../helpers/stores.js';
import { usePostgres } from '../postgres-support.js';
import { describeBudgets } from './budget-suite.js';
import { describeUsage } from './usage-suite.js';

const server = usePostgres();
const store: TestStore = {
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
};

describeUsage(store);
describeBudgets(store);
