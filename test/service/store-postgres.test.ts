import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { onePlace, usePostgres } from './postgres-support.js';
import { storeContract } from './store-contract.js';

const urlOf = onePlace(usePostgres());

storeContract('PostgreSQL', async (place, runtime) => openPostgresStore({ url: await urlOf(place), runtime }));
