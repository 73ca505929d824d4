/**
 * The service with its gateway in a process of its own, whose memory is watched: says where it is, collects garbage and
 * counts what is left when it is asked, and at its end what is still noted in the outbox.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startService } from '../../service/admin/start-service.js';
import { createRuntime, openDiskOutbox } from '../../src/internal.js';

/** What the parent gives, as JSON in the first argument. */
export interface ChildSettings {
  readonly dataDir: string;
  readonly gateway: Readonly<Record<string, string>>;
}

/** What is left after a collection; bytes, and numbers of what keeps a process alive. */
export interface Memory {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly rssBytes: number;
  readonly sockets: number;
  readonly timers: number;
}

const { dataDir, gateway } = JSON.parse(process.argv[2] ?? '{}') as ChildSettings;
// Upstreams that fail are what this is about: they need not be told.
const service = await startService({ dataDir, gateway, runtime: createRuntime({}, 'ERROR') });
const { url, gatewayUrl, keys, team } = service;

async function memory(): Promise<Memory> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await pause(50);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  const count = (name: string) => resources.filter((one) => one === name).length;
  return {
    heapBytes: heapUsed,
    externalBytes: external,
    rssBytes: rss,
    sockets: count('TCPSocketWrap'),
    timers: count('Timeout'),
  };
}

/** Notes and events that a next process would find. */
async function left(): Promise<number> {
  const outbox = openDiskOutbox({
    directory: join(dataDir, 'gateway-outbox'),
    owner: { origin: 'fusewire:gateway', teamId: team.id },
    capacity: 100_000,
    runtime: createRuntime({}, 'ERROR'),
  });
  await outbox.adopt();
  const depth = outbox.depth();
  await outbox.close();
  return depth;
}

process.on('message', (asked) => {
  if (asked === 'memory') void memory().then((value) => process.send?.(value));
  if (asked !== 'close') return;
  void service
    .close()
    .then(left)
    .then((depth) => {
      process.send?.({ left: depth });
      process.disconnect?.();
    });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url, gatewayUrl, writeKey: keys.write });
