import { statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { ownerFolder } from '../../src/metering/owner-folder.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { sampleEvent } from './support/events.js';
import { disown, OWNER, segments } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const MAX_BYTES = 40_000;
const EVENTS = 500;

function bulky() {
  const directory = temporary();
  const { runtime, clock } = fakeRuntime();
  let written = 0;
  const write = (fd: number, text: string) => {
    const bytes = writeSync(fd, text);
    written += bytes;
    return bytes;
  };
  const outbox = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 10, maxBytes: MAX_BYTES, write });
  const size = () =>
    segments(directory).reduce((sum, name) => sum + statSync(join(ownerFolder(directory, OWNER), name)).size, 0);
  return { directory, runtime, clock, outbox, size, written: () => written };
}

describe('many events at once, more than the file may hold', () => {
  it('I10: the file keeps to its size, and is not written again and again', async () => {
    const { outbox, clock, size, written } = bulky();
    for (let i = 0; i < EVENTS; i += 1) {
      outbox.append(`a${i}`, sampleEvent(`t${i}`), true);
      await clock.advance(1_100);
    }
    expect(outbox.depth()).toBe(EVENTS);
    expect(size()).toBeLessThanOrEqual(MAX_BYTES);
    expect(written()).toBeLessThan(4 * MAX_BYTES);
    await outbox.close();
  });

  it('what was in memory only comes to the disk as soon as there is room, without a new event', async () => {
    const { outbox, directory, runtime, written } = bulky();
    for (let i = 0; i < EVENTS; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`), true);
    for (const entry of outbox.claim(EVENTS - 20)) outbox.acknowledge(entry);
    expect(written()).toBeLessThan(30 * MAX_BYTES);
    disown(directory);
    const next = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 1_000 });
    await next.adopt();
    expect(next.claim(EVENTS).map((entry) => entry.event.transactionId)).toEqual(
      Array.from({ length: 20 }, (_, index) => `t${EVENTS - 20 + index}`),
    );
    await next.close();
  });
});
