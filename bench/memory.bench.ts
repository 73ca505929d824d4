// Memory of the SDK over a million metered calls: decided, noted, settled, delivered to a sink in another process.
// The heap is read after a forced collection; what is printed must be flat.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './table.js';

const CALLS = Number(process.env['BENCH_CALLS'] ?? 1_000_000);

/** Runs the benchmark in a child process of its own, with the collector exposed. */
export async function run(): Promise<BenchResult> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./memory-child.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--import', 'tsx'],
    env: { ...process.env, BENCH_CALLS: String(CALLS) },
    stdio: 'inherit',
  });
  const [rows] = (await once(child, 'message')) as [BenchResult['rows']];
  child.kill();
  return { name: `memory over ${CALLS.toLocaleString('en')} calls`, rows };
}
