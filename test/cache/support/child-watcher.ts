/** A process that watches a feed, says when it waits, and then has nothing else to do. Arguments: base URL, team, key. */
import { createEnforcementCache } from '../../../cache/enforcement-cache.js';
import { realRuntime } from './fake-runtime.js';

const [baseUrl, teamId, apiKey] = process.argv.slice(2) as [string, string, string];
const cache = createEnforcementCache({
  runtime: realRuntime(),
  credentials: () => ({ apiKey, teamId }),
  baseUrl,
  pollIntervalMs: 60_000,
});
cache.start();
const look = setInterval(() => {
  if (cache.status().counters.waits === 0) return;
  clearInterval(look);
  console.log('waiting');
}, 10);
