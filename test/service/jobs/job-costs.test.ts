import { STORES } from '../../helpers/stores.js';
import { jobCostSuite } from './job-costs-suite.js';

jobCostSuite(STORES);
