/** What came from the service, to standard output or to a file that is there whole or not at all. */
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { finishCopy } from '../admin/maintenance-commands.js';
import { CliFailure, type CliIo } from './io.js';

/** The place of a file that is not there yet. @throws CliFailure where it is */
export function newFile(io: CliIo, name: string): string {
  const file = resolve(io.workingDir, name);
  if (existsSync(file)) throw new CliFailure(`${file} is there already`);
  return file;
}

/** Writes to standard output as fast as it is read. `seen` gets every piece. */
export async function toOutput(io: CliIo, body: Readable, seen: (chunk: Uint8Array) => void = () => undefined) {
  try {
    for await (const chunk of body) {
      seen(chunk as Uint8Array);
      await io.write(chunk as Uint8Array);
    }
  } catch (error) {
    // Who reads the pipe has seen enough.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw brokenOff(error);
  }
}

/** Writes a file, 0600; it has its name only when it is whole. Resolves to its size. */
export async function toFile(body: Readable, file: string): Promise<number> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const out = createWriteStream(temporary, { flags: 'wx', mode: 0o600 });
    await (file.endsWith('.gz') ? pipeline(body, createGzip(), out) : pipeline(body, out)).catch((error: unknown) => {
      throw brokenOff(error);
    });
    await finishCopy(temporary, file);
    return out.bytesWritten;
  } finally {
    await rm(temporary, { force: true });
  }
}

function brokenOff(error: unknown): CliFailure {
  return new CliFailure(`the export broke off: ${(error as Error).message}`);
}
