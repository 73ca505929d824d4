import { STORES } from '../../helpers/stores.js';
import { describeDeskContract } from '../../holds/desk-contract.js';
import { startServiceDesk } from '../../holds/service-desk.js';

for (const { name, open } of STORES) {
  describeDeskContract(`the store ${name}`, () => startServiceDesk(open, 'store'));
  describeDeskContract(`the service ${name}, over HTTP`, () => startServiceDesk(open, 'http'));
}
