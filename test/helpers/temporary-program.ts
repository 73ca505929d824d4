/**
 * Folders with a program, its node_modules and this package in them, transpiled from the sources: module resolution, both
 * module systems and nested copies are what they are for a user, and no build is needed.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly dependencies: Record<string, string>;
};

/** What a child process did. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One folder for programs; remove it when done. */
export class TemporaryProgram {
  readonly folder = mkdtempSync(join(tmpdir(), 'fusewire-program-'));

  /** Puts this package into `node_modules`, in both builds. */
  installFusewire(): this {
    const target = join(this.folder, 'node_modules', 'fusewire');
    transpile(target);
    writeFileSync(join(target, 'package.json'), unbundled(readFileSync(join(ROOT, 'package.json'), 'utf8')));
    writeFileSync(join(target, 'dist', 'cjs', 'package.json'), '{"type":"commonjs"}');
    for (const name of Object.keys(MANIFEST.dependencies)) {
      symlinkSync(join(ROOT, 'node_modules', name), join(this.folder, 'node_modules', name));
    }
    return this;
  }

  /** Copies an installed client, for example `openai6`, to `into` (default: `node_modules/openai`). */
  installClient(installed: string, into: string): this {
    const target = join(this.folder, into);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(clientFolder(installed), target, {
      recursive: true,
      dereference: true,
      filter: (source) => !/\.(map|d\.[mc]?ts)$|[\\/](src|bin)$/.test(source),
    });
    return this;
  }

  /** Links a dependency of the clients. */
  link(name: string): this {
    symlinkSync(join(ROOT, 'node_modules', name), join(this.folder, 'node_modules', name));
    return this;
  }

  write(file: string, text: string): string {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Runs Node in the folder, to its end. */
  run(args: readonly string[], env: Record<string, string>, execPath: string = process.execPath): Promise<Outcome> {
    const child = spawn(execPath, args, { cwd: this.folder, env: { PATH: process.env['PATH'] ?? '', ...env } });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data: Buffer) => {
      output.stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      output.stderr += data.toString();
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...output }));
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The manifest with the modules in place of the bundles that the build makes of them. */
function unbundled(manifest: string): string {
  return manifest
    .replaceAll('dist/bundle/src/register-await.mjs', 'dist/esm/src/register-await.mjs')
    .replaceAll(/dist\/bundle\/(.+?)\.mjs/g, 'dist/esm/$1.js');
}

function clientFolder(installed: string): string {
  const places = [join(ROOT, 'node_modules', installed), join(ROOT, 'test', 'matrix', 'node_modules', installed)];
  const found = places.find((place) => {
    try {
      return readdirSync(place).length > 0;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`${installed} is not installed`);
  return found;
}

/**
 * Each file on its own, as `isolatedModules` promises, by the transpiler that runs the tests' own TypeScript: the
 * compiler takes ten seconds for the same.
 */
function transpile(target: string): void {
  const { buildSync } = createRequire(createRequire(import.meta.url).resolve('tsx'))('esbuild') as Transpiler;
  const sources = ['src', 'enforcement', 'cache'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const modules = sources.filter((source) => source.endsWith('.mts'));
  const scripts = sources.filter((source) => !source.endsWith('.mts'));
  const common = { outbase: ROOT, platform: 'node', target: 'node20.18', logLevel: 'error' } as const;
  const esm = { ...common, format: 'esm', outdir: join(target, 'dist', 'esm') } as const;
  buildSync({ ...esm, entryPoints: scripts });
  buildSync({ ...esm, entryPoints: modules, outExtension: { '.js': '.mjs' } });
  buildSync({ ...common, entryPoints: scripts, format: 'cjs', outdir: join(target, 'dist', 'cjs') });
}

interface Transpiler {
  buildSync(options: Record<string, unknown>): unknown;
}
