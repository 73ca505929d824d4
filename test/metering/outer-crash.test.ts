import { describe, expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { children } from './support/child.js';
import { OWNER } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const start = children();

async function recovered(directory: string) {
  const { runtime } = fakeRuntime(Date.now());
  const outbox = openDiskOutbox({ directory, owner: OWNER, runtime });
  await outbox.adopt();
  const events = outbox.claim(100).map(({ event }) => event);
  await outbox.close();
  return events as UsageEvent[];
}

describe('a call that passes two layers, killed', () => {
  it('I4: behind every single write it is there once', async () => {
    const whole = start('outer-crash-child.ts', [temporary(), '0']);
    expect(await whole.ended).toBe(0);
    const writes = Number.parseInt(whole.lines[0]!, 10);
    expect(writes).toBeGreaterThanOrEqual(3);
    for (let killAfter = 1; killAfter <= writes; killAfter += 1) {
      const directory = temporary();
      const child = start('outer-crash-child.ts', [directory, String(killAfter)]);
      expect(await child.ended, child.errors()).toBe('SIGKILL');
      const events = await recovered(directory);
      expect(
        events.map(({ attributes }) => attributes?.['usageState']),
        `behind write ${killAfter}`,
      ).toEqual([killAfter === writes ? 'reported' : 'estimated']);
    }
  }, 60_000);
});
