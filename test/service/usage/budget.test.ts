import { STORES } from '../../helpers/stores.js';
import { describeBudgets } from './budget-suite.js';

for (const store of STORES) describeBudgets(store);
