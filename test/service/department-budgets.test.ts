import { STORES } from '../helpers/stores.js';
import { describeDepartmentBudgets } from './department-budgets-suite.js';

for (const store of STORES) describeDepartmentBudgets(store);
