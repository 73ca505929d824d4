import { STORES } from '../../helpers/stores.js';
import { describeHoldsApi } from './holds-api-suite.js';

for (const store of STORES) describeHoldsApi(store);
