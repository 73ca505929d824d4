/** The data folder: private to its owner, with the secret that protects credentials and the door for local commands. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const SECRET_FILE = 'credential.secret';
const DOOR_FILE = 'local-door.json';
const SECRET_BYTES = 32;

/** How a local command reaches the service that holds a data folder. */
export interface LocalDoor {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
}

const doorSchema = z.object({ url: z.url({ protocol: /^http$/ }), token: z.string().min(16), pid: z.int() });

/** Creates the folder, 0700. One that is there keeps its contents and is made private. */
export async function prepareDataFolder(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await chmod(dataDir, 0o700);
}

/**
 * Makes the database file before the store does, 0600: it holds e-mail addresses (I12) and may lie outside the folder.
 * The files that SQLite puts beside it take over its mode.
 */
export async function prepareDatabaseFile(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a', 0o600);
  await handle.chmod(0o600).finally(() => handle.close());
}

/**
 * The secret that keys the HMAC of credentials (I12): made once, 0600, kept beside the database. Losing it is harmless
 * but for this: the same credential counts as a new one from then on.
 *
 * @throws Error where the file is there and does not hold a secret.
 */
export async function readCredentialSecret(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, SECRET_FILE);
  const kept = await readIfThere(path);
  if (kept === undefined) {
    await writePrivately(path, `${randomBytes(SECRET_BYTES).toString('hex')}\n`);
    return readCredentialSecret(dataDir);
  }
  const secret = Buffer.from(kept.trim(), 'hex');
  if (secret.length < SECRET_BYTES) throw new Error(`${path} does not hold a secret of ${SECRET_BYTES} bytes in hex`);
  return secret;
}

/** Notes the door of a running service, 0600. */
export async function writeLocalDoor(dataDir: string, door: LocalDoor): Promise<void> {
  await writePrivately(join(dataDir, DOOR_FILE), `${JSON.stringify(door)}\n`);
}

/** The door that was noted last, whether or not its service still runs; `undefined` where there is none to read. */
export async function readLocalDoor(dataDir: string): Promise<LocalDoor | undefined> {
  const text = await readIfThere(join(dataDir, DOOR_FILE));
  if (text === undefined) return undefined;
  try {
    return doorSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Removes the door, if it is still this one. */
export async function removeLocalDoor(dataDir: string, token: string): Promise<void> {
  const door = await readLocalDoor(dataDir);
  if (door?.token === token) await rm(join(dataDir, DOOR_FILE), { force: true });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, and never readable by others, not even for a moment. */
async function writePrivately(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
