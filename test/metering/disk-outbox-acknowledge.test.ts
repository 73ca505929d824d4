import { writeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { sampleEvent } from './support/events.js';
import { disown, OWNER } from './support/outbox-folder.js';

const temporary = temporaryDirectories();

it('I4: many entries are acknowledged with one write, and after a crash only the others are there', async () => {
  const directory = temporary();
  const { runtime } = fakeRuntime();
  let writes = 0;
  const write = (fd: number, text: string) => {
    writes += 1;
    return writeSync(fd, text);
  };
  const outbox = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 1_000, write });
  for (let i = 0; i < 100; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
  const claimed = outbox.claim(90);
  writes = 0;
  outbox.acknowledgeAll(claimed);
  outbox.acknowledgeAll(claimed);
  expect(writes).toBe(1);
  expect(outbox.depth()).toBe(10);
  expect(outbox.counters()).toMatchObject({ appended: 100, acknowledged: 90 });
  disown(directory);
  const next = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 1_000 });
  await next.adopt();
  expect(next.claim(1_000).map(({ event }) => event.transactionId)).toEqual(
    Array.from({ length: 10 }, (_, i) => `t${90 + i}`),
  );
  await next.close();
  await outbox.close();
});
