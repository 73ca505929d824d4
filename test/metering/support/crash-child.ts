// Makes attempts and runs tools one after the other, as a guarded program does, and says what it did, until it is killed.
// Arguments: directory, URL of the service, name of this process; optional: team, file that holds its key.
import { readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDelivery } from '../../../src/metering/delivery.js';
import { openDiskOutbox } from '../../../src/metering/disk-outbox.js';
import { createRuntime } from '../../../src/runtime.js';
import { Secret } from '../../../src/secret.js';
import { sampleEstimate, sampleEvent, sampleToolEvent } from './events.js';
import { OWNER } from './outbox-folder.js';

const [directory = '', url = '', name = '', teamId = OWNER.teamId, keyFile] = process.argv.slice(2);
const runtime = createRuntime({}, 'ERROR');
// Nothing is dropped here, however slow the machine is.
const outbox = openDiskOutbox({ directory, owner: { ...OWNER, teamId }, runtime, capacity: 100_000 });
createDelivery({
  outbox,
  runtime,
  endpoint: () => new URL(url),
  credentials: () => ({
    apiKey: new Secret(keyFile === undefined ? 'hak_crash_0123456789' : readFileSync(keyFile, 'utf8')),
  }),
  settings: { workers: 2 },
});

async function attempt(id: string): Promise<void> {
  outbox.note(id, () => ({ ...sampleEstimate(id), organizationName: teamId }));
  // Said after the fact: what is said has happened.
  writeSync(1, `noted ${id}\n`);
  await sleep(Math.random() * 4);
  outbox.append(id, sampleEvent(id, { organizationName: teamId }));
  writeSync(1, `answered ${id}\n`);
}

async function tool(id: string): Promise<void> {
  await sleep(Math.random() * 4);
  outbox.append(id, sampleToolEvent(id, { organizationName: teamId }));
  writeSync(1, `ran ${id}\n`);
}

for (let i = 0; ; i += 1) {
  await Promise.all([attempt(`${name}-${i}-a`), attempt(`${name}-${i}-b`), tool(`${name}-${i}-c`)]);
}
