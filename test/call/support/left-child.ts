// Meters two events that cannot be delivered, and ends in the way it is told.
// Arguments: how it ends, directory of a durable outbox (optional).
import { createFusewire } from '../../../src/index.js';

const [ending, cacheDir] = process.argv.slice(2);
const fusewire = createFusewire({
  apiKey: 'hak_left_0123456789',
  // The discard port: nobody listens.
  meteringBaseUrl: 'http://127.0.0.1:9',
  logLevel: 'INFO',
  shutdownTimeoutSeconds: 0.2,
  ...(cacheDir === undefined ? {} : { cacheDir }),
});
for (let i = 0; i < 2; i += 1) fusewire.meter({ model: 'm', provider: 'OLLAMA' });
if (ending === 'exit') process.exit(0);
if (ending === 'close') {
  await fusewire.close();
  await fusewire.close();
}
