import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { usePostgres } from '../postgres-support.js';
import { recordProperties } from './record-properties.js';

const server = usePostgres();

recordProperties(
  'recording on PostgreSQL',
  async (_place, runtime) => openPostgresStore({ url: await server.createDatabase(), runtime }),
  25,
);
