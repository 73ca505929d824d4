/** Empty projects in a temporary folder, into which the packed tarballs are installed. */
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runWell } from './run.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));
const INSTALL_TIMEOUT_MS = 400_000;

/** The packed tarballs, in the temporary folder that the projects share. */
export interface Packed {
  readonly folder: string;
  readonly sdk: string;
  readonly service: string;
}

/** Packs the SDK and the service from what is built. */
export async function pack(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'fusewire-packed-'));
  const stdout = await runWell(process.execPath, ['scripts/pack.mjs', folder, '--no-build'], { cwd: ROOT });
  const [sdk, service] = stdout.trim().split('\n').slice(-2);
  if (sdk === undefined || service === undefined) throw new Error(`pack.mjs said: ${stdout}`);
  return { folder, sdk, service };
}

/** Removes the tarballs and every project. */
export async function removeAll(packed: Packed): Promise<void> {
  await rm(packed.folder, { recursive: true, force: true });
}

/** Makes an empty project of a module type and copies the programs of the package tests into it. */
export async function createProject(packed: Packed, name: string, type: 'module' | 'commonjs'): Promise<string> {
  const project = join(packed.folder, name);
  await mkdir(project);
  await writeFile(join(project, 'package.json'), JSON.stringify({ name, private: true, type }));
  for (const program of await readdir(PROGRAMS)) await cp(join(PROGRAMS, program), join(project, program));
  return project;
}

/** Installs packages with npm, as a user would: scripts run, nothing is taken from the workspace. */
export async function install(project: string, packages: readonly string[]): Promise<void> {
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--no-package-lock'];
  await runWell('npm', ['install', ...flags, ...packages], { cwd: project, timeoutMs: INSTALL_TIMEOUT_MS });
}

/** Gives one project the packages that another one installed. */
export async function copyPackages(from: string, to: string): Promise<void> {
  await cp(join(from, 'node_modules'), join(to, 'node_modules'), { recursive: true, verbatimSymlinks: true });
}

/**
 * Checks files of a project with TypeScript's strictest settings, declarations of packages included unless `skipLibCheck`
 * says that those of other packages do not compile.
 */
export async function checkTypes(
  project: string,
  files: readonly string[],
  lib: readonly string[],
  skipLibCheck = false,
): Promise<void> {
  const compilerOptions = {
    target: 'ES2022',
    lib,
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await runWell(process.execPath, [tsc, '-p', project], { cwd: project, timeoutMs: 120_000 });
}
