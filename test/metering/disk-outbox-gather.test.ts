import { writeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { sampleEvent } from './support/events.js';
import { disown, OWNER } from './support/outbox-folder.js';

const temporary = temporaryDirectories();

/** An outbox whose lines wait until `turn` is called, as at the end of a turn of the event loop. */
function gathering() {
  const directory = temporary();
  const { runtime } = fakeRuntime();
  const written: string[] = [];
  const waiting: (() => void)[] = [];
  let fails = false;
  const outbox = openDiskOutbox({
    directory,
    owner: OWNER,
    runtime,
    capacity: 1_000,
    gather: (write) => void waiting.push(write),
    write(fd, text) {
      if (fails) throw new Error('ENOSPC');
      written.push(text);
      return writeSync(fd, text);
    },
  });
  return {
    directory,
    outbox,
    written,
    waiting,
    turn: () => {
      for (const write of waiting.splice(0)) write();
    },
    failFromNowOn: () => {
      fails = true;
    },
    async afterACrash(): Promise<string[]> {
      disown(directory);
      const next = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 1_000 });
      await next.adopt();
      const left = next.claim(1_000).map(({ event }) => event.transactionId!);
      await next.close();
      return left.sort();
    },
  };
}

it('I4: what comes in one turn is written at once, and only then who waits for it goes on', async () => {
  const { outbox, written, waiting, turn, afterACrash } = gathering();
  const told: string[] = [];
  outbox.whenWritten(() => told.push('nothing waits'));
  for (let i = 0; i < 10; i += 1) outbox.note(`a${i}`, () => sampleEvent(`n${i}`));
  outbox.append('a3', sampleEvent('e3'));
  outbox.forget('a4');
  outbox.whenWritten(() => told.push(`written by ${written.length}`));
  expect(told).toEqual(['nothing waits']);
  expect(written).toEqual([]);
  expect(waiting).toHaveLength(1);
  turn();
  expect(written).toHaveLength(1);
  expect(told).toEqual(['nothing waits', 'written by 1']);
  // What a later turn did not come to write is not there.
  outbox.note('late', () => sampleEvent('late'));
  expect(await afterACrash()).toEqual(['e3', 'n0', 'n1', 'n2', 'n5', 'n6', 'n7', 'n8', 'n9']);
  await outbox.close();
});

it('writes before the turn is over where much waits, and at the close', async () => {
  const { outbox, written, waiting, afterACrash } = gathering();
  for (let i = 0; i < 400; i += 1) outbox.append(`a${i}`, sampleEvent(`e${i}`));
  expect(written.length).toBeGreaterThan(0);
  expect(written.length).toBeLessThan(20);
  expect(waiting.length).toBeGreaterThan(0);
  await outbox.close();
  expect(await afterACrash()).toHaveLength(400);
});

it('lets go on who waits for a disk that fails, and says that nothing is durable', async () => {
  const { outbox, turn, failFromNowOn } = gathering();
  outbox.note('a', () => sampleEvent('a'));
  turn();
  expect(outbox.isDurable()).toBe(true);
  failFromNowOn();
  outbox.note('b', () => sampleEvent('b'));
  let isTold = false;
  outbox.whenWritten(() => {
    isTold = true;
  });
  turn();
  expect(isTold).toBe(true);
  expect(outbox.isDurable()).toBe(false);
  await outbox.close();
});
