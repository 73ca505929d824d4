import { STORES } from '../../helpers/stores.js';
import { describeUsage } from './usage-suite.js';

for (const store of STORES) describeUsage(store);
