// Cost of an admission with everything known: npx tsx test/service/gateway/books/scratch/admit-bench.ts [controls] [sets]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { createGatewayBooks } from '../../../../../service/gateway/books/gateway-books.js';
import { openSqliteStore } from '../../../../../service/store/sqlite/open-sqlite-store.js';
import { declared } from '../../../pricing-support.js';
import { control } from '../../../store-support.js';
import { callOf } from '../books-support.js';

const [count = '10'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'admit-bench-'));
const runtime = createRuntime({}, 'ERROR');
const store = await openSqliteStore({ file: join(folder, 'db'), runtime });
const { id } = await store.createTeam('t');
await store.setPrice(id, declared({}, { input: 150_000n, output: 600_000n }));
await store.createControl(id, control({ name: 'team', hardLimit: '1000000', windowType: 'MONTHLY' }));
const pending: Promise<unknown>[] = [];
for (let i = 0; i < Number(count) - 1; i += 1) {
  const filters = [{ dimension: 'SUBSCRIBER', operator: 'IS', value: `cus_${i}` }] as const;
  pending.push(
    store.createControl(
      id,
      control({ name: `c${i}`, hardLimit: '1000', windowType: 'MONTHLY', filters, onUnknownPrice: 'refuse' }),
    ),
  );
  if (pending.length >= 200) await Promise.all(pending.splice(0));
}
await Promise.all(pending);
const books = createGatewayBooks({
  store,
  runtime,
  log: runtime.log,
  dataDir: folder,
  protectCredential: (_t, v) => v,
});
const calls = Array.from({ length: 100 }, (_, i) =>
  callOf(id, { customer: `cus_${i % Math.max(1, Number(count) - 1)}` }),
);
const first = await Promise.all(calls.map((call) => books.admit(call)));
console.log('first', first[0]!.outcome);
for (const one of first) if (one.outcome === 'admit') one.ticket.release();
for (let round = 0; round < 5; round += 1) {
  const times = 20_000;
  let waited = 0;
  const startedAt = performance.now();
  const before = process.cpuUsage();
  for (let i = 0; i < times; i += 1) {
    const admission = books.admit(calls[i % 100]!);
    if (admission instanceof Promise) {
      waited += 1;
      const done = await admission;
      if (done.outcome === 'admit') done.ticket.release();
    } else if (admission.outcome === 'admit') admission.ticket.release();
    else throw new Error(admission.outcome);
  }
  const { user, system } = process.cpuUsage(before);
  const wall = ((performance.now() - startedAt) * 1_000) / times;
  const cpu = (user + system) / times;
  console.log(
    `${count} controls: an admission and its release ${cpu.toFixed(2)} µs of CPU, ${wall.toFixed(2)} of the clock; ${waited} waited`,
  );
}
await books.close();
await store.close();
rmSync(folder, { recursive: true, force: true });
