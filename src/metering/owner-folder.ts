/** The folder of one owner's outbox: nobody delivers another team's events (I11), and only this user can read it (I12). */
import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolderNow } from '../../cache/make-folder.js';

/** Whose events these are. */
export interface OutboxOwner {
  /** Where they go: the origin of the service. */
  readonly origin: string;
  /** Whose they are: the team id, or something else that stands for the key where no team is configured. */
  readonly teamId: string;
}

/** The folder of an owner below the shared directory. Its name tells neither team nor service. */
export function ownerFolder(directory: string, owner: OutboxOwner): string {
  return join(directory, `outbox-${ownerHash(owner)}`);
}

/** 24 hexadecimal digits that stand for an owner. */
export function ownerHash(owner: OutboxOwner): string {
  const text = JSON.stringify([owner.origin, owner.teamId]);
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/**
 * Creates the folder, readable by this user only; one that is there is made so.
 *
 * @throws what the file system throws.
 */
export function ensurePrivateFolder(folder: string): void {
  makeFolderNow(folder);
  chmodSync(folder, 0o700);
}
