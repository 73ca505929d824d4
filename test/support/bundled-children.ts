/**
 * Programs that tests run in processes and threads of their own, bundled once a run: a start from a bundle takes a fifth
 * of one from the sources by tsx, and a test run starts some hundreds. Outside a test run (scripts, benches) and for
 * programs that are not listed, tsx runs the source.
 */
import { readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILD = join(ROOT, 'build');
const PREFIX = 'test-children-';
const WRITER = 'service/store/sqlite/writer-worker';

const PROGRAMS = [
  `${WRITER}.ts`,
  'test/cache/support/child-poller.ts',
  'test/cache/support/child-watcher.ts',
  'test/cache/support/child-writer.ts',
  'test/helpers/cli-entry.ts',
  'test/holds/overspend/sdk-child.ts',
  'test/metering/support/crash-child.ts',
  'test/metering/support/exit-child.ts',
  'test/metering/support/outer-crash-child.ts',
  'test/service/alerts/sender-child.ts',
  'test/service/gateway/books/books-child.ts',
  'test/service/gateway/money/money-child.ts',
  'test/service/close-child.ts',
  'test/service/store-child.ts',
  'test/service/store-crash-child.ts',
];

/** Bundles; what it returns removes the bundles at the end of the run. */
export async function setup(): Promise<() => void> {
  const outdir = join(BUILD, `${PREFIX}${process.pid}`);
  removeOfEndedRuns();
  await build({
    absWorkingDir: ROOT,
    entryPoints: PROGRAMS,
    outbase: '.',
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: { fusewire: join(ROOT, 'src/index.ts'), 'fusewire/internal': join(ROOT, 'src/internal.ts') },
    define: { BUNDLED_WRITER: JSON.stringify(join(outdir, `${WRITER}.mjs`)) },
    plugins: [inTheirPlaces],
    logLevel: 'warning',
  });
  process.env['TEST_CHILDREN'] = outdir;
  return () => rmSync(outdir, { recursive: true, force: true });
}

/** The files that a module finds by its own place lie beside the source, and threads are bundled as well. */
const inTheirPlaces: Plugin = {
  name: 'in-their-places',
  setup(bundler) {
    const writer = fileURLToPath(new URL('./spawn-bundled-writer.ts', import.meta.url));
    bundler.onResolve({ filter: /\/spawn-writer\.js$/ }, () => ({ path: writer }));
    bundler.onLoad({ filter: /\/(service|src)\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts' };
    });
  },
};

/** Of runs that were killed. */
function removeOfEndedRuns(): void {
  for (const name of entriesOf(BUILD)) {
    if (name.startsWith(PREFIX) && !isRunning(Number(name.slice(PREFIX.length)))) {
      rmSync(join(BUILD, name), { recursive: true, force: true });
    }
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
