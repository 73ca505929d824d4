import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);

describe('the command of the SDK package', () => {
  let folder: string;
  let script: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-bin-'));
    script = join(folder, 'fusewire.mjs');
    await copyFile('bin/fusewire.mjs', script);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const install = async (main: string) => {
    const service = join(folder, 'node_modules', '@fusewire', 'service');
    await mkdir(join(service, 'dist', 'cli'), { recursive: true });
    const exports = { './cli': './dist/cli/main.js' };
    await writeFile(
      join(service, 'package.json'),
      JSON.stringify({ name: '@fusewire/service', type: 'module', exports }),
    );
    if (main !== '') await writeFile(join(service, 'dist', 'cli', 'main.js'), main);
  };
  const fail = (...args: string[]) => run(process.execPath, [script, ...args]).catch((error) => error);

  it('says what installs the service where it is missing, and ends with 1', async () => {
    const ended = await fail('serve');
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([
      1,
      '',
      'fusewire: the service is not installed here. Install it with: npm install @fusewire/service\n',
    ]);
  });

  it('says what builds it where it is not built', async () => {
    await install('');
    const ended = await fail('serve');
    expect([ended.code, ended.stderr]).toEqual([
      1,
      'fusewire: the service is not built. Build it with: npm run build\n',
    ]);
  });

  it('hands its arguments over and passes the exit code on', async () => {
    await install('export const main = async (args) => (console.log(args.join()), 2);');
    const ended = await fail('status', '--json');
    expect([ended.code, ended.stdout]).toEqual([2, 'status,--json\n']);
  });

  it('hides no other failure', async () => {
    await install("import 'a-package-that-is-not-there'; export const main = async () => 0;");
    const ended = await fail('status');
    expect([ended.code, ended.stderr]).toEqual([1, expect.stringContaining('a-package-that-is-not-there')]);
  });
});
