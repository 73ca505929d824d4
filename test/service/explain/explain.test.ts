import { STORES } from '../../helpers/stores.js';
import { describeExplain } from './explain-suite.js';

for (const store of STORES) describeExplain(store);
