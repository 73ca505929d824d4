/** Files that are whole or not there: written beside, flushed, then renamed. Readable by their owner only (I12). */
import { type FileHandle, open, rm } from 'node:fs/promises';

const PRIVATE = 0o600;

/**
 * Writes a new file at `path`, mode 0600, and flushes it to the disk. `parts` is drawn one at a time, so that a large
 * text neither blocks nor stands in memory twice. Leaves nothing behind when it throws.
 */
export async function writeNewFile(path: string, parts: Iterable<string>): Promise<void> {
  const file = await open(path, 'wx', PRIVATE);
  try {
    await fill(file, parts);
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function fill(file: FileHandle, parts: Iterable<string>): Promise<void> {
  try {
    for (const part of parts) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes a folder, so that a rename in it survives a power cut. Where a system cannot, it is left to the system. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}
