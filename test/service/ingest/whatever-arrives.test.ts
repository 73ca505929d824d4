import { STORES } from '../../helpers/stores.js';
import { whateverArrivesSuite } from './whatever-arrives-suite.js';

whateverArrivesSuite(STORES);
