// A service with its gateway as a process of its own, for tests that kill it. Arguments: the data folder, the gateway's
// variables as JSON, and the address of a database if it is shared. Says one line of JSON when it answers.
import { startService } from '../../../../service/index.js';

const [dataDir = '', variables = '{}', databaseUrl] = process.argv.slice(2);
const { url, gatewayUrl, team, keys } = await startService({
  dataDir,
  gateway: JSON.parse(variables),
  ...(databaseUrl === undefined ? {} : { databaseUrl }),
});
process.stdout.write(`${JSON.stringify({ url, gatewayUrl, teamId: team.id, key: keys.write })}\n`);
// Whoever started it is gone: so is this.
process.stdin.resume();
process.stdin.once('end', () => process.exit(0));
