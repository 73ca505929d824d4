import { STORES } from '../../helpers/stores.js';
import { batchSuite } from './batch-suite.js';

batchSuite(STORES);
