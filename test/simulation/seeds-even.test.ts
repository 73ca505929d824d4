import { everySeed } from './every-seed.js';

everySeed('even');
