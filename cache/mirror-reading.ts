/** Reads a mirror through the parser and the compiler of the wire (I8). */
import type { Runtime } from '../src/runtime.js';
import type { DiskMirror, MirrorRead } from './disk-mirror.js';
import { type FeedReading, readFeedInSteps } from './feed-reader.js';
import { type MirrorFiles, mirrorBodyInSteps } from './mirror-text.js';
import { runInSlices } from './run-in-slices.js';

/** What lies on the disk. `large`: more than can be read while somebody waits. Nothing of it is in force yet. */
export type MirrorReading =
  | { readonly kind: 'found'; readonly files: MirrorFiles; readonly reading: FeedReading }
  | { readonly kind: 'none' | 'large' | 'failed' };

/** Reads a small mirror at once. */
export function readMirrorNow(mirror: DiskMirror, owner: string): MirrorReading {
  const read = mirror.readNow(owner);
  if (read.kind !== 'found') return read;
  try {
    return found(read, drain(readFeedInSteps(drain(mirrorBodyInSteps(read.files)), 200)));
  } catch (error) {
    return found(read, { kind: 'malformed', reason: String(error) });
  }
}

/** Reads a mirror of any size without holding the event loop. */
export async function readMirror(
  mirror: DiskMirror,
  owner: string,
  runtime: Pick<Runtime, 'monotonicNow'>,
): Promise<MirrorReading> {
  const read = await mirror.read(owner);
  if (read.kind !== 'found') return read;
  try {
    const body = await runInSlices(mirrorBodyInSteps(read.files), runtime);
    return found(read, await runInSlices(readFeedInSteps(body, 200), runtime));
  } catch (error) {
    return found(read, { kind: 'malformed', reason: String(error) });
  }
}

function found({ files }: Extract<MirrorRead, { kind: 'found' }>, reading: FeedReading): MirrorReading {
  return { kind: 'found', files, reading };
}

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
