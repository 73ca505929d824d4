import { STORES } from '../../../helpers/stores.js';
import { describeBooks } from './books-suite.js';

for (const store of STORES) describeBooks(store);
