/** A process that writes mirrors as fast as it can, until it is killed. Arguments: directory, owner. */
import { DiskMirror } from '../../../cache/disk-mirror.js';
import { realRuntime } from './fake-runtime.js';
import { versionedFeed } from './versioned-feed.js';

const [directory, owner] = process.argv.slice(2);
const mirror = new DiskMirror(directory!, realRuntime());
const never = new AbortController().signal;
for (let version = 1; ; version += 1) {
  const write = await mirror.write(owner!, versionedFeed(version), never);
  if (write.kind === 'failed') throw new Error(write.reason);
  if (version === 1) process.stdout.write('writing\n');
}
