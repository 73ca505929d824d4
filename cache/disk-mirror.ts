/** The last accepted rules of a team on disk (contract 2.9): a process that starts while the service is away has them. */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from '../src/runtime.js';
import type { DepartmentMaps } from '../src/wire/feed.js';
import { formatBypass, type OperatorBypass } from '../src/wire/feed-bypass.js';
import { canonicalJsonInParts } from './canonical-json.js';
import { flushFolder, writeNewFile } from './durable-file.js';
import { makeFolder } from './make-folder.js';
import { type HeldLock, takeLock } from './mirror-lock.js';
import { mapsTextInParts } from './mirror-maps.js';
import {
  claimFolder,
  codeOf,
  formatOwner,
  MAPS_FILE,
  OWNER_FILE,
  ownerFolder,
  parseOwner,
  RULES_FILE,
} from './mirror-owner.js';
import type { MirrorFiles } from './mirror-text.js';

/** What is kept of a feed. */
export interface MirroredFeed {
  /** As received. */
  readonly rawRules: Iterable<unknown>;
  readonly departments: DepartmentMaps;
  /** The operators' bypass, if one is on. */
  readonly bypass?: OperatorBypass | undefined;
  readonly revision: number | undefined;
  /** The service began anew: a higher revision on the disk is no reason to keep it. */
  readonly afterReset: boolean;
}

/** What became of a write. `superseded`: a newer revision of the same owner is there already. */
export type MirrorWrite =
  | { readonly kind: 'written' | 'superseded' }
  | { readonly kind: 'failed'; readonly reason: string };

/** What became of a read. `large`: more than a synchronous read takes. */
export type MirrorRead =
  | { readonly kind: 'found'; readonly files: MirrorFiles }
  | { readonly kind: 'none' | 'large' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A rules file up to here is read while a first check waits: some 3,000 rules, about 10 ms. */
const SYNC_BYTES_MAX = 1024 * 1024;
/** As on the wire. */
const BYTES_MAX = 64 * 1024 * 1024;
/** A higher revision on the disk is respected for so long after it was written. Milliseconds. */
const SUPERSEDED_FOR_MS = 300_000;
/** A temporary file of a process that died is removed after this time. Milliseconds. */
const LEFTOVER_AGE_MS = 60_000;
const TEMPORARY = /^revenium_enforcement_.*\.tmp$/;

/**
 * The mirror of one directory. Several processes, and several teams, may share the directory: the first owner has its
 * files at the contract's paths, each other one in a sub-folder. No method throws; keys are never written.
 */
export class DiskMirror {
  readonly #directory: string;
  readonly #runtime: Runtime;

  constructor(directory: string, runtime: Runtime) {
    this.#directory = directory;
    this.#runtime = runtime;
  }

  /** Reads what lies there for `owner`, at once, if it is small. For the one read at the start. */
  readNow(owner: string): MirrorRead {
    try {
      for (const folder of this.#folders(owner)) {
        const sidecar = parseOwner(textNow(join(folder, OWNER_FILE)));
        if (sidecar?.owner !== owner) continue;
        const size = statSync(join(folder, RULES_FILE), { throwIfNoEntry: false })?.size;
        if (size === undefined) return { kind: 'none' };
        if (size > SYNC_BYTES_MAX) return { kind: 'large' };
        const maps = textNow(join(folder, MAPS_FILE));
        return { kind: 'found', files: { rules: readFileSync(join(folder, RULES_FILE)), maps, owner: sidecar } };
      }
      return { kind: 'none' };
    } catch (error) {
      return { kind: 'failed', reason: codeOf(error) };
    }
  }

  /** Reads what lies there for `owner`. */
  async read(owner: string): Promise<MirrorRead> {
    try {
      for (const folder of this.#folders(owner)) {
        const sidecar = parseOwner(await text(join(folder, OWNER_FILE)));
        if (sidecar?.owner !== owner) continue;
        const size = (await stat(join(folder, RULES_FILE)).catch(absent))?.size;
        if (size === undefined) return { kind: 'none' };
        if (size > BYTES_MAX) return { kind: 'failed', reason: `larger than ${BYTES_MAX} bytes` };
        const maps = await text(join(folder, MAPS_FILE));
        return { kind: 'found', files: { rules: await readFile(join(folder, RULES_FILE)), maps, owner: sidecar } };
      }
      return { kind: 'none' };
    } catch (error) {
      return { kind: 'failed', reason: codeOf(error) };
    }
  }

  /** Whether a mirror of `owner` is there. One that somebody removed is to be written again. */
  async isThere(owner: string): Promise<boolean> {
    for (const folder of this.#folders(owner)) {
      const sidecar = parseOwner(await text(join(folder, OWNER_FILE)).catch(() => undefined));
      if (sidecar?.owner !== owner) continue;
      return (await stat(join(folder, RULES_FILE)).catch(() => undefined)) !== undefined;
    }
    return false;
  }

  /** Writes a feed for `owner`. Either all of it is there afterwards, or what was there before. */
  async write(owner: string, feed: MirroredFeed, signal: AbortSignal): Promise<MirrorWrite> {
    let lock: HeldLock | undefined;
    try {
      const folder = await this.#ownFolder(owner);
      lock = await takeLock(join(folder, RULES_FILE), signal);
      if (lock === undefined) return { kind: 'failed', reason: signal.aborted ? 'stopped' : 'locked' };
      if (await this.#isSuperseded(folder, feed)) return { kind: 'superseded' };
      await this.#removeLeftovers(folder);
      return await this.#replace(folder, owner, feed, lock);
    } catch (error) {
      return { kind: 'failed', reason: codeOf(error) };
    } finally {
      await lock?.release();
    }
  }

  #folders(owner: string): readonly [string, string] {
    return [this.#directory, ownerFolder(this.#directory, owner)];
  }

  /**
   * The folder of `owner`: the directory itself if it is this owner's or nobody's, else the sub-folder. Rules without a
   * sidecar were written by somebody else (another SDK): they stay as they are.
   */
  async #ownFolder(owner: string): Promise<string> {
    const [root, own] = this.#folders(owner);
    await makeFolder(root);
    for (const folder of [root, own]) {
      if (parseOwner(await text(join(folder, OWNER_FILE)))?.owner === owner) return folder;
    }
    const isFree = (await stat(join(root, OWNER_FILE)).catch(absent)) === undefined;
    if (isFree && (await stat(join(root, RULES_FILE)).catch(absent)) === undefined) {
      if (await claimFolder(root, owner, this.#temporary(OWNER_FILE))) return root;
      if (parseOwner(await text(join(root, OWNER_FILE)))?.owner === owner) return root;
    }
    await makeFolder(own);
    await claimFolder(own, owner, this.#temporary(OWNER_FILE));
    if (parseOwner(await text(join(own, OWNER_FILE)))?.owner === owner) return own;
    // Only a sidecar that was spoiled by hand comes here: nothing in this folder is anybody else's.
    await rm(join(own, OWNER_FILE), { force: true });
    throw Object.assign(new Error('the folder of this owner has no valid sidecar'), { code: 'EOWNER' });
  }

  async #isSuperseded(folder: string, feed: MirroredFeed): Promise<boolean> {
    const there = parseOwner(await text(join(folder, OWNER_FILE)));
    if (feed.afterReset || feed.revision === undefined || there?.writtenAt == null || there.revision === null)
      return false;
    const age = this.#runtime.now() - Date.parse(there.writtenAt);
    return there.revision > feed.revision && age >= 0 && age < SUPERSEDED_FOR_MS;
  }

  /** Maps first, then rules (contract 2.9): a crash in between leaves rules that are whole, and maps that are not theirs. */
  async #replace(folder: string, owner: string, feed: MirroredFeed, lock: HeldLock): Promise<MirrorWrite> {
    const temporary = {
      rules: join(folder, this.#temporary(RULES_FILE)),
      maps: join(folder, this.#temporary(MAPS_FILE)),
      owner: join(folder, this.#temporary(OWNER_FILE)),
    };
    try {
      const hash = createHash('sha256');
      await writeNewFile(temporary.rules, hashed(canonicalJsonInParts(feed.rawRules), hash));
      await writeNewFile(temporary.maps, mapsTextInParts(hash.digest('hex'), feed.departments));
      const writtenAt = new Date(this.#runtime.now()).toISOString();
      const bypass = feed.bypass === undefined ? {} : { bypass: formatBypass(feed.bypass) };
      const sidecar = { owner, writtenAt, revision: feed.revision ?? null, ...bypass };
      await writeNewFile(temporary.owner, [formatOwner(sidecar)]);
      if (lock.isLost()) return { kind: 'failed', reason: 'the lock was lost' };
      await rename(temporary.maps, join(folder, MAPS_FILE));
      await rename(temporary.rules, join(folder, RULES_FILE));
      await rename(temporary.owner, join(folder, OWNER_FILE));
      await flushFolder(folder);
      return { kind: 'written' };
    } finally {
      for (const path of Object.values(temporary)) await rm(path, { force: true }).catch(() => undefined);
    }
  }

  async #removeLeftovers(folder: string): Promise<void> {
    for (const name of await readdir(folder)) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(folder, name);
      const modifiedMs = (await stat(path).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
      if (this.#runtime.now() - modifiedMs > LEFTOVER_AGE_MS) await rm(path, { force: true });
    }
  }

  #temporary(name: string): string {
    return `${name}.${this.#runtime.newId()}.tmp`;
  }
}

function* hashed(parts: Iterable<string>, hash: { update(part: string): unknown }): Generator<string, void> {
  for (const part of parts) {
    hash.update(part);
    yield part;
  }
}

/** For `catch`: a file that is not there is no error. */
function absent(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}

async function text(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(absent);
}

function textNow(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return absent(error);
  }
}
