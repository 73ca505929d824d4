/**
 * Folders with all that leads to them. Not `mkdir` with `recursive`: where a file system answers ENOENT although the
 * parent is there (`/proc`, some network mounts), Node tries for ever, and takes the thread with it (Node 20).
 */
import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** This user only (I12). */
const MODE = 0o700;

/** Makes a folder; one that is there stays as it is. @throws what the file system throws. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, MODE);
  } catch (error) {
    if (isMissing(error) && dirname(path) !== path) {
      await makeFolder(dirname(path));
      await mkdir(path, MODE).catch((again) => throwUnlessThere(again));
      return;
    }
    if (!isThere(error) || !(await stat(path)).isDirectory()) throw error;
  }
}

/** {@link makeFolder}, at once. */
export function makeFolderNow(path: string): void {
  try {
    mkdirSync(path, MODE);
  } catch (error) {
    if (isMissing(error) && dirname(path) !== path) {
      makeFolderNow(dirname(path));
      makeLeafNow(path);
      return;
    }
    if (!isThere(error) || !statSync(path).isDirectory()) throw error;
  }
}

function makeLeafNow(path: string): void {
  try {
    mkdirSync(path, MODE);
  } catch (error) {
    throwUnlessThere(error);
  }
}

/** Another process may have been faster. */
function throwUnlessThere(error: unknown): void {
  if (!isThere(error)) throw error;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function isThere(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EEXIST';
}
