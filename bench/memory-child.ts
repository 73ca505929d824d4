// The process whose memory bench/memory.bench.ts watches.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { assemble } from '../src/fusewire.js';
import type { RequestReading } from '../src/providers/adapter.js';

const CALLS = Number(process.env['BENCH_CALLS']);
const BATCH = 400;
const STEPS = 10;

const sink = fork(fileURLToPath(new URL('./sink.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
const [{ url }] = (await once(sink, 'message')) as [{ url: string }];
const { path, delivery, outbox } = assemble({
  apiKey: 'rev_mk_bench_key',
  teamId: 'bench',
  meteringBaseUrl: url,
  circuitBreakerEnabled: true,
  meteringWorkers: 32,
  logLevel: 'ERROR',
});
const request: RequestReading = {
  endpoint: 'chat.completions',
  known: true,
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  operationType: 'CHAT',
  model: 'gpt-4o-mini',
  streaming: false,
  promptText: () => 'hello',
  idsAreUnique: true,
  kind: 'call',
};

let made = 0;
async function batch(): Promise<void> {
  for (let i = 0; i < BATCH; i += 1) {
    made += 1;
    const attempt = path.begin(path.admit(request, { agent: 'bench', subscriber: { id: `u-${made % 97}` } }));
    const responseId = `r-${made}`;
    attempt.answered(() => ({ finished: true, outputText: '', inputTokens: 4, outputTokens: 2, responseId }));
    attempt.settle('completed');
  }
  if (!(await delivery.flush(30_000))) throw new Error('the sink does not keep up');
}

const rows: Record<string, number>[] = [];
const gc = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
const MiB = 2 ** 20;
const measure = () => {
  gc();
  const { heapUsed, rss } = process.memoryUsage();
  rows.push({ calls: made, 'heap MiB': heapUsed / MiB, 'rss MiB': rss / MiB, waiting: outbox.depth() });
};
for (let warmUp = 0; warmUp < 10; warmUp += 1) await batch();
measure();
for (let step = 1; step <= STEPS; step += 1) {
  while (made < (CALLS / STEPS) * step) await batch();
  measure();
}
sink.kill();
process.send?.(rows);
