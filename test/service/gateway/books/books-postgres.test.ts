import { openPostgresStore } from '../../../../service/store/postgres/open-postgres-store.js';
import { usePostgres } from '../../postgres-support.js';
import { describeBooks } from './books-suite.js';

const server = usePostgres();

describeBooks({
  name: 'on PostgreSQL',
  open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
});
