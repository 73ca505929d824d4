// Packs the SDK and the service as they would be published, into a folder:
//   node scripts/pack.mjs FOLDER [--no-build]
// Inside the workspace the service depends on the SDK by path. Its tarball must name the exact version instead, so it
// is packed from a staged copy. Prints the two tarballs, the SDK's first.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function npm(args, cwd) {
  const result = spawnSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (result.status !== 0) {
    console.error(`pack: npm ${args.join(' ')} failed`);
    process.exit(1);
  }
  return result.stdout;
}

/** Packs `folder` without running its scripts: what is built is what is packed. */
function pack(folder, destination) {
  const [report] = JSON.parse(npm(['pack', '--ignore-scripts', '--json', '--pack-destination', destination], folder));
  return join(destination, report.filename);
}

/** A copy of what the service publishes, with the SDK as a dependency of the same version. */
function stageService(version) {
  const stage = mkdtempSync(join(tmpdir(), 'fusewire-pack-'));
  const service = join(root, 'service');
  for (const name of ['dist', 'bin', 'README.md']) cpSync(join(service, name), join(stage, name), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
  const manifest = readManifest(service);
  manifest.dependencies.fusewire = version;
  delete manifest.scripts;
  delete manifest.devDependencies;
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return stage;
}

const [folder, option] = process.argv.slice(2);
if (folder === undefined || (option !== undefined && option !== '--no-build')) {
  console.error('usage: node scripts/pack.mjs FOLDER [--no-build]');
  process.exit(2);
}
const destination = resolve(folder);
mkdirSync(destination, { recursive: true });
if (option === undefined) npm(['run', 'build'], root);
for (const built of ['dist', 'service/dist']) {
  if (!existsSync(join(root, built))) {
    console.error(`pack: ${built} is missing; run npm run build`);
    process.exit(1);
  }
}
const stage = stageService(readManifest(root).version);
console.log(pack(root, destination));
console.log(pack(stage, destination));
rmSync(stage, { recursive: true, force: true });
