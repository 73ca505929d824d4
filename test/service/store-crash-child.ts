// A service as a process of its own, for tests that kill it. Arguments: data folder, and the address of a database if
// it is shared. Says one line of JSON when it answers.
import { startService } from '../../service/index.js';

const [dataDir = '', databaseUrl] = process.argv.slice(2);
const service = await startService({ dataDir, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
process.stdout.write(`${JSON.stringify({ url: service.url, teamId: service.team.id, keys: service.keys })}\n`);
// Whoever started it is gone: so is this.
process.stdin.resume();
process.stdin.once('end', () => process.exit(0));
