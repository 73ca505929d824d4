/** Whose mirror lies in a folder: the sidecar file (DESIGN section 6). */

import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../src/wire/is-record.js';
import { writeNewFile } from './durable-file.js';

/** The rules as received: a bare list (contract 2.9). */
export const RULES_FILE = 'revenium_enforcement_rules.json';
/** The department maps, with the fingerprint of the rules that they belong to (contract 2.9). */
export const MAPS_FILE = 'revenium_enforcement_org_unit_blocks.json';
/** Whose the other two are. */
export const OWNER_FILE = 'revenium_enforcement_owner.json';

/** What the sidecar says. */
export interface MirrorOwner {
  /** SHA-256 of origin and team, in hex. */
  readonly owner: string;
  /** ISO-8601 time of the last write; `null` between taking the folder and the first write. */
  readonly writtenAt: string | null;
  /** Of the rules that were written; `null` where the feed names none. */
  readonly revision: number | null;
  /** The operators' bypass, as it stands in the feed; absent where there is none. */
  readonly bypass?: unknown;
}

/** The sub-folder of an owner that found the folder taken. 128 bits of the hash; the sidecar in it holds all of it. */
export function ownerFolder(directory: string, owner: string): string {
  return join(directory, `owner-${owner.slice(0, 32)}`);
}

/** A sidecar as text. */
export function formatOwner(owner: MirrorOwner): string {
  return `${JSON.stringify(owner)}\n`;
}

/** A sidecar from text; `undefined` where it is missing or means nothing: then the folder belongs to nobody we know. */
export function parseOwner(text: string | undefined): MirrorOwner | undefined {
  const value = text === undefined ? undefined : parseObject(text);
  if (value === undefined || typeof value['owner'] !== 'string') return undefined;
  const { owner, writtenAt, revision, bypass } = value;
  return {
    owner,
    writtenAt: typeof writtenAt === 'string' ? writtenAt : null,
    revision: typeof revision === 'number' && Number.isSafeInteger(revision) ? revision : null,
    ...(bypass === undefined ? {} : { bypass }),
  };
}

/** A JSON object from text, else `undefined`. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes a folder for `owner`, if nobody has it: `link` makes the whole sidecar appear at once, or fails because another
 * process was first. This holds without a lock. Where a file system has no links, an exclusive file does the same, but a
 * crash in between leaves an empty sidecar, with which the folder belongs to nobody.
 */
export async function claimFolder(folder: string, owner: string, temporaryName: string): Promise<boolean> {
  const target = join(folder, OWNER_FILE);
  const text = formatOwner({ owner, writtenAt: null, revision: null });
  const temporary = join(folder, temporaryName);
  await writeNewFile(temporary, [text]);
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    return await writeNewFile(target, [text]).then(
      () => true,
      (reason) => {
        if (codeOf(reason) === 'EEXIST') return false;
        throw reason;
      },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The `code` of a system error, for logs and status; never a path or a text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
