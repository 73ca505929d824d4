/**
 * A process with an enforcement cache. Arguments: base URL, team, key, directory or ''. Over its channel it takes
 * `{key}` and `'stop'`, and tells its status after each `'status'`. Without a channel it makes one check and ends.
 */
import { createEnforcementCache } from '../../../cache/enforcement-cache.js';
import { realRuntime } from './fake-runtime.js';

const [baseUrl, teamId, firstKey, cacheDir] = process.argv.slice(2) as [string, string, string, string];
let apiKey = firstKey;
const cache = createEnforcementCache({
  runtime: realRuntime({ random: Math.random }),
  credentials: () => ({ apiKey, teamId }),
  baseUrl,
  pollIntervalMs: 40,
  cacheDir: cacheDir === '' ? undefined : cacheDir,
});
cache.current();
if (process.send !== undefined) {
  process.on('message', (message: 'status' | 'stop' | { key: string }) => {
    if (message === 'status') process.send?.(cache.status());
    else if (message === 'stop') void cache.stop().then(() => process.disconnect());
    else apiKey = message.key;
  });
  process.send('started');
}
