import { STORES } from '../../helpers/stores.js';
import { describeTeamIsolation } from './team-isolation-suite.js';

for (const store of STORES) describeTeamIsolation(store);
