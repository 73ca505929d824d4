// CPU of metering and delivery on SQLite: npx tsx test/service/gateway/books/scratch/delivery-bench.ts [events] [per tick]
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { createGatewayBooks } from '../../../../../service/gateway/books/gateway-books.js';
import { openSqliteStore } from '../../../../../service/store/sqlite/open-sqlite-store.js';
import { declared } from '../../../pricing-support.js';
import { control } from '../../../store-support.js';
import { begin, callOf } from '../books-support.js';

const [events = '30000', perTick = '50'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'delivery-bench-'));
const runtime = createRuntime({}, 'ERROR');
const store = await openSqliteStore({ file: join(folder, 'db'), runtime });
const { id } = await store.createTeam('t');
await store.setPrice(id, declared({}, { input: 150_000n, output: 600_000n }));
await store.createControl(id, control({ name: 'team', hardLimit: '1000000', windowType: 'MONTHLY' }));
for (let i = 0; i < 20; i += 1) {
  const filters = [{ dimension: 'SUBSCRIBER', operator: 'IS', value: `cus_${i}` }] as const;
  await store.createControl(
    id,
    control({ name: `c${i}`, hardLimit: '1000', windowType: 'MONTHLY', filters, onUnknownPrice: 'refuse' }),
  );
}
const books = createGatewayBooks({
  store,
  runtime,
  log: runtime.log,
  dataDir: folder,
  protectCredential: (_t, v) => v,
});
const calls = Array.from({ length: 20 }, (_, i) => callOf(id, { customer: `cus_${i}` }));
const outbox = books.sinkOf(id).outbox;
async function some(count: number): Promise<void> {
  for (let done = 0; done < count; ) {
    for (let i = 0; i < Number(perTick); i += 1, done += 1) {
      const call = calls[done % 20]!;
      const admission = await books.admit(call);
      if (admission.outcome !== 'admit') throw new Error(admission.outcome);
      begin(books, call).end(admission.ticket, { input: 60, output: 20 });
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  while (outbox.depth() > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
/** CPU of each thread that used some, in µs, from Linux. */
function threads(): Map<string, number> {
  const used = new Map<string, number>();
  for (const thread of readdirSync('/proc/self/task')) {
    const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    used.set(thread, (Number(fields[11]) + Number(fields[12])) * 10_000);
  }
  return used;
}
await some(5_000);
for (let round = 0; round < 3; round += 1) {
  const before = process.cpuUsage();
  const threadsBefore = threads();
  const startedAt = performance.now();
  await some(Number(events) / 3);
  const { user, system } = process.cpuUsage(before);
  const each = (us: number): string => ((us * 3) / Number(events)).toFixed(1);
  const byThread = [...threads()]
    .map(([thread, us]) => us - (threadsBefore.get(thread) ?? 0))
    .filter((us) => us > 50_000);
  console.log(`by thread: ${byThread.map(each).join(', ')}`);
  console.log(
    `${each(user + system)} µs of CPU an event (user ${each(user)}), ${((Number(events) / 3 / (performance.now() - startedAt)) * 1_000).toFixed(0)} events/s`,
  );
}
await books.close();
await store.close();
rmSync(folder, { recursive: true, force: true });
