import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { children } from '../metering/support/child.js';

const temporary = temporaryDirectories();
const start = children();
const SCRIPT = fileURLToPath(new URL('support/left-child.ts', import.meta.url));

it.each(['end', 'exit', 'close'])(
  'events that are lost with the process are not lost in silence: %s',
  async (how) => {
    const child = start(SCRIPT, [how]);
    expect(await child.ended).toBe(0);
    expect(child.errors().match(/WARNING 2 usage events are not delivered and lost with this process/g)).toHaveLength(
      1,
    );
  },
  60_000,
);

it('those of a durable outbox are left to the next process, which is said as well', async () => {
  const child = start(SCRIPT, ['end', temporary()]);
  expect(await child.ended).toBe(0);
  expect(child.errors().match(/INFO 2 usage events are not delivered yet and left to the next/g)).toHaveLength(1);
}, 60_000);
