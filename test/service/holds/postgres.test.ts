import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { onePlace, usePostgres } from '../postgres-support.js';
import { onStore } from './hold-bench.js';
import { holdContract } from './hold-contract.js';
import { holdEndsContract } from './hold-ends-contract.js';
import { holdFiguresContract } from './hold-figures-contract.js';
import { twoProcesses } from './two-processes.js';

const urlOf = onePlace(usePostgres());

onStore('holds on PostgreSQL', async (place, runtime) => openPostgresStore({ url: await urlOf(place), runtime }), [
  holdContract,
  holdEndsContract,
  holdFiguresContract,
  twoProcesses,
]);
