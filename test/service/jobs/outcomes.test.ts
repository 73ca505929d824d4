import { STORES } from '../../helpers/stores.js';
import { outcomeSuite } from './outcomes-suite.js';

outcomeSuite(STORES);
