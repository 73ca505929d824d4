import { STORES } from '../../helpers/stores.js';
import { mediaSuite } from './media-suite.js';

mediaSuite(STORES);
