import { STORES } from '../../helpers/stores.js';
import { describeLitellm } from './litellm-suite.js';

for (const store of STORES) describeLitellm(store);
