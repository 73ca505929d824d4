import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { usePostgres } from './postgres-support.js';
import { oracleTest } from './store-oracle.js';

const server = usePostgres();

oracleTest(
  'on PostgreSQL',
  async ({ runtime }) => openPostgresStore({ url: await server.createMigrated(), runtime, fillSlice: 3 }),
  25,
);
