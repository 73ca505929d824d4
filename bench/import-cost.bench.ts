// What `import 'fusewire'` and `import 'fusewire/register'` cost beside importing nothing: whole processes, from the
// build, interleaved, medians. Run `npm run build` first.
import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { BenchResult } from './table.js';

const ROUNDS = 21;
const root = fileURLToPath(new URL('../', import.meta.url));
const programs: Readonly<Record<string, string>> = {
  nothing: '',
  fusewire: "import 'fusewire';",
  'fusewire/register': "import 'fusewire/register';",
  openai: "import 'openai';",
};

function startMs(program: string): number {
  const started = performance.now();
  execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, stdio: 'pipe' });
  return performance.now() - started;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Runs the benchmark. */
export async function run(): Promise<BenchResult> {
  const times = new Map(Object.keys(programs).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, program] of Object.entries(programs)) times.get(name)?.push(startMs(program));
  }
  const base = median(times.get('nothing') ?? []);
  const rows = [...times].map(([name, values]) => ({
    'a process that imports': name,
    'median ms': median(values),
    'added ms': median(values) - base,
    ratio: median(values) / base,
  }));
  return { name: 'the cost of importing', rows };
}
