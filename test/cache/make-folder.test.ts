import { execFile } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { makeFolder, makeFolderNow } from '../../cache/make-folder.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const temporary = temporaryDirectories();
const ways = [
  ['later', makeFolder],
  ['at once', async (path: string) => makeFolderNow(path)],
] as const;

describe.each(ways)('a folder that is made %s', (_, make) => {
  it('comes with all that leads to it, for this user only, also from several sides at once', async () => {
    const path = join(temporary(), 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 20 }, () => make(path)));
    await make(path);
    for (const made of [path, join(path, '..'), join(path, '..', '..')])
      expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it('is an error where a file is in the way', async () => {
    const file = join(temporary(), 'file');
    writeFileSync(file, '');
    await expect(make(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(make(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(make('a\0b')).rejects.toThrow('null bytes');
  });
});

/** In a process of its own, which can be killed: what this guards against holds the thread for ever. */
it.runIf(existsSync('/proc/self'))(
  'I2: is an error where the file system says so, and no endless loop',
  async () => {
    const module = fileURLToPath(new URL('../../cache/make-folder.ts', import.meta.url));
    const program = `
    const { makeFolder, makeFolderNow } = await import(${JSON.stringify(module)});
    const codes = [await makeFolder('/proc/self/x/y').catch((error) => error.code)];
    try { makeFolderNow('/proc/self/x/y'); } catch (error) { codes.push(error.code); }
    console.log(codes.join(' '));`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', program];
    const run = await promisify(execFile)(process.execPath, args, { timeout: 30_000, killSignal: 'SIGKILL' });
    expect(run.stdout.trim()).toBe('ENOENT ENOENT');
  },
  40_000,
);
