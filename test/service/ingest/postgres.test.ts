import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import type { TestStore } from '../../helpers/stores.js';
import { jobCostSuite } from '../jobs/job-costs-suite.js';
import { jobSuite } from '../jobs/jobs-suite.js';
import { outcomeSuite } from '../jobs/outcomes-suite.js';
import { usePostgres } from '../postgres-support.js';
import { batchSuite } from './batch-suite.js';
import { mediaSuite } from './media-suite.js';
import { oddTextSuite } from './odd-text-suite.js';
import { readBackSuite } from './read-back-suite.js';
import { whateverArrivesSuite } from './whatever-arrives-suite.js';

const server = usePostgres();
const stores: readonly TestStore[] = [
  {
    name: 'on PostgreSQL',
    open: async ({ runtime, log }) => openPostgresStore({ url: await server.createMigrated(), runtime, log }),
  },
];

mediaSuite(stores);
batchSuite(stores);
readBackSuite(stores);
whateverArrivesSuite(stores);
oddTextSuite(stores);
jobSuite(stores);
outcomeSuite(stores);
jobCostSuite(stores);
