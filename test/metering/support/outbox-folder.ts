import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ownerFolder } from '../../../src/metering/owner-folder.js';
import { type ProcessIdentity, readOwnIdentity } from '../../../src/metering/process-identity.js';
import { formatSegmentName, parseSegmentName } from '../../../src/metering/segment-name.js';

/** The owner that tests use. */
export const OWNER = { origin: 'http://127.0.0.1:8787', teamId: 'k7PqWz' };

/** A process of this machine that does not live: no pid is that high. */
export function deadIdentity(): ProcessIdentity {
  return { ...readOwnIdentity(), pid: 2_147_483_646 };
}

/** Names of the segments of an owner. */
export function segments(directory: string, owner = OWNER): string[] {
  return readdirSync(ownerFolder(directory, owner)).filter((name) => parseSegmentName(name) !== undefined);
}

/** All that is written in an owner's folder. */
export function allText(directory: string, owner = OWNER): string {
  const folder = ownerFolder(directory, owner);
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

/** Makes all segments those of `identity`, as if this process had been it. */
export function disown(directory: string, identity: ProcessIdentity = deadIdentity(), owner = OWNER): void {
  const folder = ownerFolder(directory, owner);
  for (const name of segments(directory, owner)) {
    const { id } = parseSegmentName(name)!;
    renameSync(join(folder, name), join(folder, formatSegmentName({ owner: identity, id })));
  }
}
