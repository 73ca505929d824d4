import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardedEnvironment, meteredEvents, runLoop } from './support/loop.js';
import { checkTypes, copyPackages, createProject, install, type Packed, pack, removeAll } from './support/projects.js';
import { run, runWell } from './support/run.js';
import { type Served, serve } from './support/serve.js';
import { type StubProvider, startStubProvider } from './support/stub-provider.js';

const CLIENTS = ['openai@^6.49.0', 'ollama@^0.6.4'];
const VERSION = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;

let packed: Packed;
beforeAll(async () => {
  packed = await pack();
});
afterAll(async () => {
  await removeAll(packed);
});

const filesIn = (tarball: string) =>
  execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));

/** Every text in a piece of JSON, names of fields left out. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

describe('the tarballs', () => {
  it('hold what is built and the papers, and neither sources nor tests', () => {
    for (const tarball of [packed.sdk, packed.service]) {
      const files = filesIn(tarball);
      expect(files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE']));
      const strays = files.filter(
        (path) => !/^(dist|bin)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path),
      );
      expect(strays).toEqual([]);
      expect(files.filter((path) => /\.ts$/.test(path) && !path.endsWith('.d.ts'))).toEqual([]);
      expect(files.filter((path) => /(^|\/)(test|tests|fixtures|bench|examples)\//.test(path))).toEqual([]);
    }
  });

  it('hold every file that package.json points at', () => {
    for (const tarball of [packed.sdk, packed.service]) {
      const manifest = execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' });
      const { exports, bin, main, module, types } = JSON.parse(manifest) as Record<string, unknown>;
      const targets = textsIn([exports, bin, main, module, types]).map((target) => target.replace(/^\.\//, ''));
      expect(targets.length).toBeGreaterThan(3);
      const missing = targets.filter((path) => !filesIn(tarball).includes(path));
      expect(missing).toEqual([]);
    }
  });

  it('name each other by exact version, not by path', () => {
    const manifest = execFileSync('tar', ['-xzOf', packed.service, 'package/package.json'], { encoding: 'utf8' });
    expect((JSON.parse(manifest) as { dependencies: Record<string, string> }).dependencies['fusewire']).toBe(VERSION);
    expect(manifest).not.toContain('file:');
  });
});

describe('the packed SDK in an empty project, without providers and without the service', () => {
  let project: string;
  beforeAll(async () => {
    project = await createProject(packed, 'bare', 'module');
    await install(project, [packed.sdk]);
  });

  it('compiles in ESM and CommonJS, declarations included, with no provider package installed', async () => {
    await checkTypes(project, ['types-bare.mts', 'types-bare.cts'], ['ES2023']);
  });

  it.each(['fake-service.mjs', 'fake-service.cjs'])('I1: meters and refuses in %s', async (program) => {
    const stdout = await runWell(process.execPath, [program], { cwd: project });
    expect(JSON.parse(stdout)).toEqual({ delivered: true, events: 1, refused: 'Cap', now: 15 });
  });

  it('I2: registers where no client is installed, and the program runs', async () => {
    const stdout = await runWell(process.execPath, ['--import', 'fusewire/register', '-e', 'console.log("ran")'], {
      cwd: project,
    });
    expect(stdout.trim()).toBe('ran');
  });

  it('says the one command that installs the service', async () => {
    const { code, stderr } = await run(process.execPath, ['node_modules/.bin/fusewire', 'serve'], { cwd: project });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/npm install(?: --?\S+)* @fusewire\/service/);
  });
});

describe('the packed SDK and service in empty projects', () => {
  let provider: StubProvider;
  let served: Served | undefined;
  const projects: Record<string, string> = {};
  beforeAll(async () => {
    projects['esm'] = await createProject(packed, 'esm', 'module');
    projects['cjs'] = await createProject(packed, 'cjs', 'commonjs');
    await install(projects['esm'], [packed.sdk, packed.service, ...CLIENTS]);
    await copyPackages(projects['esm'], projects['cjs']);
    provider = await startStubProvider();
  });
  afterAll(async () => {
    await served?.stop();
    await provider?.close();
  });

  it('compile with the clients installed: a guarded client keeps its types', async () => {
    // The declarations of ollama name types of the DOM.
    await checkTypes(projects['esm']!, ['types-clients.mts', 'types-clients.cts'], ['ES2023', 'DOM']);
  });

  it.each([
    ['esm', 'loop.mjs', 'fusewire'],
    ['cjs', 'loop.cjs', 'fusewire-service'],
  ] as const)('I1: in %s, both clients are answered, metered and then refused', async (name, program, bin) => {
    const project = projects[name]!;
    served = await serve(join('node_modules', '.bin', bin), project);
    const before = provider.requests;
    const result = await runLoop(project, program, served, provider);
    expect(result.answers).toEqual({ openai: 'Four.', ollama: 'Four.' });
    expect(result.delivered).toBe(true);
    const refusal = { name: 'BudgetExceededError', ruleName: 'Tokens of a day', periodType: 'DAILY' };
    expect(result.refused).toEqual({ openai: refusal, ollama: refusal });
    // What was refused was not sent, and what was sent was metered.
    expect(provider.requests - before).toBe(result.attempts);
    expect(await meteredEvents(served)).toHaveLength(result.attempts);
    expect(await served.stop()).toBe(0);
    served = undefined;
  });

  it.each([
    ['esm', ['--import', 'fusewire/register', 'plain.mjs']],
    ['cjs', ['--import', 'fusewire/register', 'plain.cjs']],
    ['cjs', ['--require', 'fusewire/register', 'plain.cjs']],
  ] as const)('I4: in %s, node %j meters a program that knows nothing of it', async (name, args) => {
    served = await serve(join('node_modules', '.bin', 'fusewire'), projects[name]!);
    const env = guardedEnvironment(served, provider);
    const stdout = await runWell(process.execPath, [...args], { cwd: projects[name]!, env });
    expect(stdout.trim()).toBe('Four.');
    const events = await meteredEvents(served);
    expect(events.map((event) => [event['model'], event['totalTokenCount']])).toEqual([['gpt-4o-mini', 18]]);
    await served.stop();
    served = undefined;
  });
});
