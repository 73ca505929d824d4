/** Logs where nobody reads, for a while, and ends by itself with code 7. */
import { createLog } from '../../src/log.js';

const log = createLog('INFO');
const lines = (left: number) => {
  log.info('a line');
  if (left > 0) setTimeout(() => lines(left - 1), 5);
  else process.exitCode = 7;
};
lines(20);
