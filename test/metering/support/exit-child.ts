// A short program: meters some events and comes to its end in the way it is told.
// Arguments: URL of the service, how it ends, time limit of the flush in ms, directory of a durable outbox (optional).
import { setTimeout as sleep } from 'node:timers/promises';
import { createDelivery } from '../../../src/metering/delivery.js';
import { openDiskOutbox } from '../../../src/metering/disk-outbox.js';
import { createMemoryOutbox } from '../../../src/metering/memory-outbox.js';
import { flushAtExit } from '../../../src/metering/process-exit.js';
import { createRuntime } from '../../../src/runtime.js';
import { Secret } from '../../../src/secret.js';
import { sampleEstimate, sampleEvent } from './events.js';
import { OWNER } from './outbox-folder.js';

const [url = '', ending = '', timeoutMs = '5000', directory] = process.argv.slice(2);
const runtime = createRuntime({}, 'ERROR');

function instance() {
  const outbox =
    directory === undefined ? createMemoryOutbox({ runtime }) : openDiskOutbox({ directory, owner: OWNER, runtime });
  const delivery = createDelivery({
    outbox,
    runtime,
    endpoint: () => new URL(url),
    credentials: () => ({ apiKey: new Secret('hak_exit_0123456789') }),
  });
  let isOpen = ending !== 'idle';
  const uninstall = flushAtExit({
    runtime,
    flush: (limitMs) => delivery.flush(limitMs),
    settleOpenAttempts: () => {
      if (isOpen) outbox.append('open', sampleEvent('open'));
      isOpen = false;
    },
    timeoutMs: Number(timeoutMs),
    installSignalHandlers: ending.startsWith('signal'),
  });
  return { outbox, uninstall };
}

const { outbox } = instance();
if (ending === 'many') for (let i = 0; i < 30; i += 1) instance();
if (ending !== 'idle') {
  outbox.note('open', () => sampleEstimate('open'));
  for (let i = 0; i < 20; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
}
if (ending === 'exit') process.exit(3);
if (ending === 'later') await sleep(50);
if (ending.startsWith('signal')) {
  if (ending === 'signal-own-handler') process.on('SIGTERM', () => console.log('own handler'));
  console.log('ready');
  await sleep(ending === 'signal-own-handler' ? 2000 : 60_000);
}
console.log('end of program');
