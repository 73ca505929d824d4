import { onePlace, usePostgres } from './postgres-support.js';
import { openInTurn } from './replicas.js';
import { storeContract } from './store-contract.js';

const urlOf = onePlace(usePostgres());

storeContract('Three replicas on one PostgreSQL, in turn', async (place, runtime) =>
  openInTurn(await urlOf(place), runtime),
);
