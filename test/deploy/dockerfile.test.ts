import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readDockerIgnore } from '../../scripts/image/docker-ignore.js';
import {
  type Instruction,
  readCopy,
  readExecForm,
  readInstructions,
  readPairs,
  readStages,
} from '../../scripts/image/dockerfile.js';

const read = (path: string) => readFileSync(path, 'utf8');
const json = (path: string) => JSON.parse(read(path)) as Record<string, unknown>;
const stages = readStages(read('Dockerfile'));
const final = stages.at(-1)!;
const all = stages.flatMap(({ instructions }) => instructions);
const of = (name: string, from: readonly Instruction[] = final.instructions) => from.filter((one) => one.name === name);
const reaches = readDockerIgnore(read('.dockerignore'));
const contextSources = of('COPY', all)
  .map(readCopy)
  .filter(({ from }) => from === undefined)
  .flatMap(({ sources }) => sources);

describe('the Dockerfile', () => {
  it('has stages, each on the same base, pinned by its major version and its system', () => {
    expect(stages.map(({ name }) => name)).toEqual(['build', 'dependencies', 'runtime']);
    for (const { base } of stages) expect(base).toMatch(/^node:24-[a-z]+-slim$/);
  });

  it('has a Node with SQLite built in, as the version that package.json asks for', () => {
    const major = Number(/^node:(\d+)/.exec(final.base)?.[1]);
    expect(major).toBeGreaterThanOrEqual(24);
    expect(json('package.json')['engines']).toEqual({ node: expect.stringMatching(/^>=/) });
  });

  it('ends as a user without rights, named by number', () => {
    const users = of('USER').map(({ text }) => text);
    expect(users).toEqual([expect.stringMatching(/^[1-9]\d{4}:[1-9]\d{4}$/)]);
    const order = final.instructions.map(({ name }) => name);
    // Nothing is copied or run as root once the user is set.
    expect(order.slice(order.indexOf('USER')).filter((name) => ['RUN', 'COPY', 'ADD', 'USER'].includes(name))).toEqual([
      'USER',
    ]);
    const [uid] = users[0]!.split(':');
    const setUp = of('RUN')
      .map(({ text }) => text)
      .join('\n');
    expect(setUp).toContain(`useradd --uid ${uid} `);
    expect(setUp).toMatch(new RegExp(`install --directory --owner=${uid} .*--mode=0700 /data`));
  });

  it('fetches nothing but packages of the lock file, and runs no script of theirs', () => {
    expect(of('ADD', all)).toEqual([]);
    const commands = of('RUN', all).map(({ text }) => text);
    expect(
      commands.filter((text) => /(^|\s)(curl|wget|git|apt(-get)?|npx|npm (i|install|exec)) |https?:/.test(text)),
    ).toEqual([]);
    const installs = commands.filter((text) => text.includes('npm ci'));
    expect(installs).toHaveLength(2);
    for (const text of installs) expect(text).toContain(' --ignore-scripts ');
  });

  it('brings along what production needs, and no tools to build or to install with', () => {
    const [dependencies] = stages.filter(({ name }) => name === 'dependencies');
    expect(of('RUN', dependencies!.instructions)[0]?.text).toMatch(/--omit=dev --omit=optional --omit=peer/);
    expect(
      of('COPY')
        .map(readCopy)
        .filter(({ from }) => from === 'build')
        .flatMap(({ sources }) => sources),
    ).toEqual(['/build/dist/bundle', '/build/service/dist']);
    expect(of('RUN')[0]?.text).toMatch(/rm -rf .*\/node_modules .*\/npm /);
  });

  it('copies what is there and reaches the builder', () => {
    expect(contextSources.length).toBeGreaterThan(8);
    expect(contextSources.filter((source) => !existsSync(source))).toEqual([]);
    const files = execFileSync('git', ['ls-files', '--', ...contextSources], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(files.length).toBeGreaterThan(300);
    expect(files.filter((file) => !reaches(file))).toEqual([]);
    const stageNames = stages.map(({ name }) => name);
    for (const { from } of of('COPY', all).map(readCopy)) expect([undefined, ...stageNames]).toContain(from);
  });

  it('copies whatever the build reads', () => {
    const build = read('scripts/build.mjs');
    const projects = ['tsconfig.build.json', 'service/tsconfig.build.json'].map((path) => [path, json(path)] as const);
    const inputs = projects.flatMap(([path, { extends: base, include }]) => {
      const folder = path.includes('/') ? 'service' : '.';
      const folders = (include as string[]).map((one) => (one.includes('*') ? folder : one));
      return [
        path,
        'tsconfig.base.json',
        ...folders,
        ...(String(base).includes('tsconfig.base') ? [] : ['no such base']),
      ];
    });
    const copied = build.match(/for \(const folder of \[(.*)\]\)/)?.[1]?.match(/\w+/g) ?? [];
    expect(copied).toEqual(['src', 'enforcement', 'cache']);
    const isCopied = (path: string) =>
      contextSources.some((source) => path === source || path.startsWith(`${source}/`));
    const wanted = [...inputs, ...copied, 'scripts/build.mjs', 'package.json', 'package-lock.json'];
    expect(wanted.filter((path) => !isCopied(path))).toEqual([]);
    const workspaces = json('package.json')['workspaces'] as string[];
    expect(workspaces.filter((folder) => !isCopied(`${folder}/package.json`))).toEqual([]);
  });

  it('starts the service in exec form, so that signals reach it, and looks after its health', () => {
    expect(readExecForm(of('CMD')[0]!)).toEqual(['node', 'bin/fusewire.mjs', 'serve']);
    expect(existsSync('bin/fusewire.mjs')).toBe(true);
    expect(statSync('bin/fusewire.mjs').mode & 0o111).toBe(0o111);
    expect(of('ENTRYPOINT')).toEqual([]);
    const [program, flag, script = ''] = readExecForm(of('HEALTHCHECK')[0]!) ?? [];
    expect([program, flag]).toEqual(['node', '-e']);
    expect(() => new Function(script)).not.toThrow();
    expect(script).toContain('/healthz');
  });

  it('keeps its data in a volume and offers the gateway alone', () => {
    const env = Object.assign({}, ...of('ENV').map(readPairs)) as Record<string, string>;
    expect(env).toEqual({
      NODE_ENV: 'production',
      NODE_OPTIONS: '--max-semi-space-size=32',
      FUSEWIRE_DATA_DIR: '/data',
      GATEWAY_HOST: '0.0.0.0',
    });
    expect(of('VOLUME').map(({ text }) => text)).toEqual(['/data']);
    expect(of('EXPOSE').map(({ text }) => text)).toEqual(['8000']);
  });

  it('holds no secret, neither as a variable nor as an argument', () => {
    expect(of('ARG', all)).toEqual([]);
    expect(all.filter(({ text }) => /(_KEY|TOKEN|SECRET|PASSWORD)\b/.test(text))).toEqual([]);
  });

  it('says what it is, in the version of the package', () => {
    const labels = readPairs(of('LABEL')[0]!);
    expect(labels).toMatchObject({
      'org.opencontainers.image.version': json('package.json')['version'],
      'org.opencontainers.image.licenses': json('package.json')['license'],
      'org.opencontainers.image.title': 'Fusewire',
    });
  });
});

describe('.dockerignore', () => {
  it.each([
    '.env',
    '.env.local',
    'service/.env',
    'service/.env.production',
    '.git/config',
    'fusewire-data/fusewire.db',
    'service/fusewire-data/credential.secret',
    'node_modules/openai/index.js',
    'service/node_modules/x/index.js',
    'service/dist/index.js',
    'dist/bundle/src/index.mjs',
    'cloudflare/credentials.json',
    'deploy/fusewire.service',
    'test/smoke/a.test.ts',
    'test/matrix/node_modules/openai5/index.js',
    'scripts/pack.mjs',
    'docs/deploying.md',
    'notes.txt',
  ])('keeps %s out', (path) => {
    expect(reaches(path)).toBe(false);
  });

  it.each([
    'package.json',
    'src/index.ts',
    'service/store/sql/insert-event.sql',
    'test/matrix/package.json',
    'scripts/build.mjs',
  ])('lets %s in', (path) => {
    expect(reaches(path)).toBe(true);
  });
});

describe('the reader of Dockerfiles', () => {
  it('joins lines, leaves comments out and takes instructions apart', () => {
    const text =
      'FROM a:1 AS one\n# RUN no\nRUN a \\\n  # in between\n && b\nCOPY --from=x --chown=1:1 a b c/\nENV A=1 \\\n B="two words"\nCMD ["x"]\n';
    expect(readInstructions(text).map(({ name, text: rest, line }) => [name, rest, line])).toEqual([
      ['FROM', 'a:1 AS one', 1],
      ['RUN', 'a && b', 3],
      ['COPY', '--from=x --chown=1:1 a b c/', 6],
      ['ENV', 'A=1 B="two words"', 7],
      ['CMD', '["x"]', 9],
    ]);
    const [stage] = readStages(text);
    const [, copy, env, cmd] = stage!.instructions;
    expect(readCopy(copy!)).toEqual({ from: 'x', sources: ['a', 'b'], destination: 'c/' });
    expect(readPairs(env!)).toEqual({ A: '1', B: 'two words' });
    expect(readExecForm(cmd!)).toEqual(['x']);
    expect(readExecForm({ name: 'CMD', text: 'node serve', line: 1 })).toBeUndefined();
    expect(() => readStages('RUN a')).toThrow('before the first FROM');
    expect(() => readStages('FROM a')).toThrow('without a name');
  });
});
