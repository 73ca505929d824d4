import { STORES } from '../../helpers/stores.js';
import { readBackSuite } from './read-back-suite.js';

readBackSuite(STORES);
