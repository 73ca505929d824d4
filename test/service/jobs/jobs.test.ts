import { STORES } from '../../helpers/stores.js';
import { jobSuite } from './jobs-suite.js';

jobSuite(STORES);
