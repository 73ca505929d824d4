// Makes attempts one after the other, as a guarded program does, and says what it did, until it is killed.
// Arguments: directory, URL of the service, name of this process.
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDelivery } from '../../../src/metering/delivery.js';
import { openDiskOutbox } from '../../../src/metering/disk-outbox.js';
import { createRuntime } from '../../../src/runtime.js';
import { Secret } from '../../../src/secret.js';
import { sampleEstimate, sampleEvent } from './events.js';
import { OWNER } from './outbox-folder.js';

const [directory = '', url = '', name = ''] = process.argv.slice(2);
const runtime = createRuntime({}, 'ERROR');
const outbox = openDiskOutbox({ directory, owner: OWNER, runtime });
createDelivery({
  outbox,
  runtime,
  endpoint: () => new URL(url),
  credentials: () => ({ apiKey: new Secret('hak_crash_0123456789') }),
  settings: { workers: 2 },
});

async function attempt(id: string): Promise<void> {
  outbox.note(id, () => sampleEstimate(id));
  // Said after the fact: what is said has happened.
  writeSync(1, `noted ${id}\n`);
  await sleep(Math.random() * 4);
  outbox.append(id, sampleEvent(id));
  writeSync(1, `answered ${id}\n`);
}

for (let i = 0; ; i += 1) {
  await Promise.all([attempt(`${name}-${i}-a`), attempt(`${name}-${i}-b`)]);
}
