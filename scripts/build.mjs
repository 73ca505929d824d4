// Builds the SDK twice with plain tsc (ESM, then CJS) and the service once. What ESM programs import is the ESM build
// bundled into a few files: Node takes a third of a millisecond for each module, and there are more than two hundred.
//
// TypeScript decides a file's module format by the nearest package.json, so the CJS build compiles a copy of the
// sources that lies beside a package.json of type commonjs. That keeps `import()` a real dynamic import there, which
// packages without a CommonJS build need.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const stage = join(root, 'build', 'cjs');

function compile(project) {
  const result = spawnSync(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) {
    console.error(`build: tsc -p ${project} failed`);
    process.exit(result.status ?? 1);
  }
}

rmSync(join(root, 'dist'), { recursive: true, force: true });
compile('tsconfig.build.json');

const { exports: subPaths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bundled = Object.values(subPaths)
  .flatMap((conditions) => Object.values(Object(conditions)))
  .map((target) => target?.default)
  .filter((target) => target?.startsWith('./dist/bundle/'));
/** The module that a bundle is made of. */
function moduleOf(target) {
  const path = target.replace('/bundle/', '/esm/');
  return existsSync(join(root, path)) ? path : path.replace(/\.mjs$/, '.js');
}

// One copy of each module, whatever a program imports: what entries share goes into chunks.
await build({
  absWorkingDir: root,
  entryPoints: [...new Set(bundled)].map(moduleOf),
  outbase: 'dist/esm',
  outdir: 'dist/bundle',
  entryNames: '[dir]/[name]',
  chunkNames: 'chunks/[name]-[hash]',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});

rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });
for (const folder of ['src', 'enforcement', 'cache']) {
  cpSync(join(root, folder), join(stage, folder), { recursive: true });
}
writeFileSync(join(stage, 'package.json'), '{"type":"commonjs"}\n');
writeFileSync(
  join(stage, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: '.', outDir: '../../dist/cjs' },
    include: ['src', 'enforcement', 'cache'],
  }),
);
compile(join('build', 'cjs', 'tsconfig.json'));
writeFileSync(join(root, 'dist', 'cjs', 'package.json'), '{"type":"commonjs"}\n');
rmSync(stage, { recursive: true, force: true });

if (existsSync(join(root, 'service', 'tsconfig.build.json'))) {
  rmSync(join(root, 'service', 'dist'), { recursive: true, force: true });
  compile('service/tsconfig.build.json');
  const sql = join(root, 'service', 'store', 'sql');
  if (existsSync(sql)) cpSync(sql, join(root, 'service', 'dist', 'store', 'sql'), { recursive: true });
}
