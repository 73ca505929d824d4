// Measures the outbox and delivery: `node --import tsx bench/outbox-cost.ts`. The sink is a process of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDelivery } from '../src/metering/delivery.js';
import { openDiskOutbox } from '../src/metering/disk-outbox.js';
import { createMemoryOutbox } from '../src/metering/memory-outbox.js';
import type { Outbox } from '../src/metering/outbox.js';
import { createRuntime } from '../src/runtime.js';
import { Secret } from '../src/secret.js';
import { sampleEstimate, sampleEvent } from '../test/metering/support/events.js';
import { OWNER } from '../test/metering/support/outbox-folder.js';

const runtime = createRuntime({}, 'ERROR');
const directory = mkdtempSync(join(tmpdir(), 'fusewire-measure-'));
const EVENTS = 10_000;

const SINK = `
  const server = require('node:http').createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'));
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

function perEvent(name: string, outbox: Outbox, subscriber?: { credential: { value: string } }): void {
  const round = (from: number, count: number) => {
    const started = process.cpuUsage();
    const at = performance.now();
    for (let i = from; i < from + count; i += 1) {
      const id = runtime.newId();
      outbox.note(id, () => ({ ...sampleEstimate(id), ...(subscriber ? { subscriber } : {}) }));
      outbox.append(id, { ...sampleEvent(id), ...(subscriber ? { subscriber } : {}) });
      outbox.acknowledge(outbox.claim(1)[0]!);
    }
    const cpu = process.cpuUsage(started);
    return { wall: ((performance.now() - at) * 1000) / count, cpu: (cpu.user + cpu.system) / count };
  };
  round(0, 2000);
  const rounds = [1, 2, 3, 4, 5].map((index) => round(index * 10_000, 4000));
  const median = (values: number[]) => values.sort((a, b) => a - b)[2]!.toFixed(1);
  console.log(
    `${name}: note + append + claim + acknowledge ${median(rounds.map((r) => r.wall))} µs, CPU ${median(rounds.map((r) => r.cpu))} µs`,
  );
}

async function deliver(name: string, outbox: Outbox, url: URL): Promise<void> {
  const credentials = () => ({ apiKey: new Secret('hak_measure_0123456789') });
  const delivery = createDelivery({ outbox, runtime, endpoint: () => url, credentials });
  outbox.append('warm', sampleEvent('warm'));
  await delivery.flush(10_000);
  global.gc?.();
  const heap = process.memoryUsage();
  for (let i = 0; i < EVENTS; i += 1) outbox.append(runtime.newId(), sampleEvent(`t${i}`));
  const queued = process.memoryUsage();
  const started = process.cpuUsage();
  const at = performance.now();
  const done = await delivery.flush(120_000);
  const cpu = process.cpuUsage(started);
  const peak = process.memoryUsage();
  global.gc?.();
  const after = process.memoryUsage();
  const mb = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
  const micros = (cpu.user + cpu.system) / EVENTS;
  console.log(
    `${name}: ${EVENTS} events delivered=${done} in ${((performance.now() - at) / 1000).toFixed(2)} s, ` +
      `CPU ${micros.toFixed(0)} µs an event; heap ${mb(heap.heapUsed)} → queued ${mb(queued.heapUsed)} → ` +
      `end ${mb(peak.heapUsed)} → after gc ${mb(after.heapUsed)} MB; rss ${mb(after.rss)} MB`,
  );
  await delivery.stop();
  await outbox.close();
}

const sink = spawn(process.execPath, ['-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] });
const port = await new Promise<string>((resolve) => sink.stdout.once('data', (data) => resolve(String(data).trim())));
const url = new URL(`http://127.0.0.1:${port}`);
try {
  const disk = () => openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 20_000, secret: () => 'hak_x' });
  perEvent('memory', createMemoryOutbox({ runtime }));
  perEvent('disk', disk());
  perEvent('disk, with a credential', disk(), { credential: { value: 'sk-live-0123456789' } });
  await deliver('memory', createMemoryOutbox({ runtime, capacity: 20_000 }), url);
  await deliver('disk', disk(), url);
} finally {
  sink.kill();
  rmSync(directory, { recursive: true, force: true });
}
