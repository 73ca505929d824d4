import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import type { TestStore } from '../helpers/stores.js';
import { describeDepartmentBudgets } from './department-budgets-suite.js';
import { describeExplain } from './explain/explain-suite.js';
import { describeTeamIsolation } from './http/team-isolation-suite.js';
import { describeLitellm } from './litellm/litellm-suite.js';
import { usePostgres } from './postgres-support.js';

const server = usePostgres();
const store: TestStore = {
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
};

describeDepartmentBudgets(store);
describeExplain(store);
describeTeamIsolation(store);
describeLitellm(store);
