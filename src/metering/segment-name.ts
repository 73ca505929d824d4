/** Names of the outbox's files: a segment belongs to the process in its name, and taking one over is one rename. */
import type { ProcessIdentity } from './process-identity.js';

/** What the name of a segment says. */
export interface SegmentName {
  /** `undefined`: given up by its owner, free to take. */
  readonly owner: ProcessIdentity | undefined;
  /** A UUIDv7: names sort by age within an owner. */
  readonly id: string;
}

const PATTERN = /^(free|([0-9a-f]{12})-(\d{1,10})-(\d{1,20}))\.([0-9a-zA-Z-]{1,64})\.segment$/;

/** The file name of a segment. */
export function formatSegmentName(name: SegmentName): string {
  const owner = name.owner === undefined ? 'free' : `${name.owner.host}-${name.owner.pid}-${name.owner.start}`;
  return `${owner}.${name.id}.segment`;
}

/** The segment behind a file name, or `undefined` where the file is none. */
export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = PATTERN.exec(fileName);
  if (match === null) return undefined;
  const [, , host, pid, start, id] = match;
  if (id === undefined) return undefined;
  if (host === undefined || pid === undefined || start === undefined) return { owner: undefined, id };
  return { owner: { host, pid: Number(pid), start }, id };
}
