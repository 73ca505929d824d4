/** The data folder: private to its owner, with the secret that protects credentials and the door for local commands. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Store } from '../store/store.js';

const SECRET_FILE = 'credential.secret';
const SECRET_BYTES = 32;

/** How a local command reaches the service that holds a data folder. */
export interface LocalDoor {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  /** Of the gateway that the same process has open. */
  readonly gatewayUrl?: string | undefined;
}

const doorUrl = z.url({ protocol: /^http$/ });
const doorSchema = z.object({
  url: doorUrl,
  token: z.string().min(16),
  pid: z.int(),
  gatewayUrl: doorUrl.optional(),
});

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

/**
 * The same secret where several services share a database: it is kept there, made by the first of them. One that the
 * folder has already is taken over, so that credentials keep their names when a service moves to PostgreSQL.
 */
export async function sharedCredentialSecret(store: Pick<Store, 'keepSetting'>, dataDir: string): Promise<Uint8Array> {
  const isThere = (await readIfThere(join(dataDir, SECRET_FILE))) !== undefined;
  const own = isThere ? await readCredentialSecret(dataDir) : randomBytes(SECRET_BYTES);
  const value = Buffer.from(own).toString('hex');
  return Buffer.from(await store.keepSetting({ name: 'credential-secret', value }), 'hex');
}

/**
 * Notes the door of a running service, 0600. Services that share a folder have one each, named by the `port`, which no
 * two of them on one machine have in common.
 */
export async function writeLocalDoor(dataDir: string, door: LocalDoor, port?: number): Promise<void> {
  await writePrivately(join(dataDir, doorFile(port)), `${JSON.stringify(door)}\n`);
}

/** The doors that were noted last, whether or not their services still run. */
export async function readLocalDoors(dataDir: string): Promise<readonly LocalDoor[]> {
  const names = await readdir(dataDir).catch(() => []);
  const ports = names.filter((name) => /^local-door-\d+\.json$/.test(name)).map((name) => Number(name.slice(11, -5)));
  const doors = await Promise.all([undefined, ...ports].map((port) => readLocalDoor(dataDir, port)));
  return doors.filter((door) => door !== undefined);
}

/** One door; `undefined` where there is none to read. */
export async function readLocalDoor(dataDir: string, port?: number): Promise<LocalDoor | undefined> {
  const text = await readIfThere(join(dataDir, doorFile(port)));
  if (text === undefined) return undefined;
  try {
    return doorSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Removes the door, if it is still this one. */
export async function removeLocalDoor(dataDir: string, token: string, port?: number): Promise<void> {
  const door = await readLocalDoor(dataDir, port);
  if (door?.token === token) await rm(join(dataDir, doorFile(port)), { force: true });
}

function doorFile(port: number | undefined): string {
  return port === undefined ? 'local-door.json' : `local-door-${port}.json`;
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
