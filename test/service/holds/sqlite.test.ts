import { join } from 'node:path';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { onStore } from './hold-bench.js';
import { holdContract } from './hold-contract.js';
import { holdEndsContract } from './hold-ends-contract.js';
import { holdFiguresContract } from './hold-figures-contract.js';

onStore(
  'holds on SQLite',
  (place, runtime) => openSqliteStore({ file: join(place, 'data', 'fusewire.db'), runtime, inProcess: true }),
  [holdContract, holdEndsContract, holdFiguresContract],
);
