import { join } from 'node:path';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { alertContract } from '../alerts/alert-contract.js';
import { enforcementContract } from './enforcement-contract.js';

const open: Parameters<typeof enforcementContract>[1] = (place, runtime) =>
  openSqliteStore({ file: join(place, 'data', 'fusewire.db'), runtime, inProcess: true });

enforcementContract('on SQLite', open);
alertContract('on SQLite', open);
