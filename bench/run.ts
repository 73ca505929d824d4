// npm run bench [name …]: runs every benchmark, each beside its comparator in the same run; prints tables and writes
// bench/results/latest.json. Figures depend on the machine, ratios carry over.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type BenchResult, printResult } from './table.js';

const BENCHMARKS: Readonly<Record<string, () => Promise<{ run(): Promise<BenchResult | readonly BenchResult[]> }>>> = {
  decide: () => import('./decide.bench.js'),
  call: () => import('./call.bench.js'),
  'holds-draw': () => import('./holds-draw.bench.js'),
  'holds-ledger': () => import('./holds-ledger.bench.js'),
  clients: () => import('./clients.bench.js'),
  'feed-sdk': () => import('./feed-sdk.bench.js'),
  memory: () => import('./memory.bench.js'),
  'import-cost': () => import('./import-cost.bench.js'),
  ingest: () => import('./ingest.bench.js'),
  feed: () => import('./feed.bench.js'),
  propagation: () => import('./propagation.bench.js'),
  gateway: () => import('./gateway.bench.js'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`unknown benchmark: ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}

const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}`);

const results: BenchResult[] = [];
for (const [name, load] of Object.entries(BENCHMARKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const outcome = await (await load()).run();
  for (const result of Array.isArray(outcome) ? (outcome as readonly BenchResult[]) : [outcome as BenchResult]) {
    results.push(result);
    printResult(result);
  }
}
const folder = fileURLToPath(new URL('./results/', import.meta.url));
mkdirSync(folder, { recursive: true });
const at = new Date().toISOString();
writeFileSync(`${folder}latest.json`, `${JSON.stringify({ at, machine, results }, undefined, 2)}\n`);
console.log(`\nwritten to bench/results/latest.json`);
process.exit(0);
