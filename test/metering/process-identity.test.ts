import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { ownerFolder } from '../../src/metering/owner-folder.js';
import { livenessOf, readOwnIdentity } from '../../src/metering/process-identity.js';
import { formatSegmentName, parseSegmentName } from '../../src/metering/segment-name.js';
import { fakeRuntime, until } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { children } from './support/child.js';
import { sampleEvent } from './support/events.js';
import { disown, OWNER, segments } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const start = children();
const own = readOwnIdentity();

describe('whether the owner of a segment lives', () => {
  it('is known of this process, of one that is gone, and of a reused pid', () => {
    expect(livenessOf(own, own)).toBe('alive');
    expect(livenessOf({ ...own, start: '1' }, own)).toBe('dead');
    expect(livenessOf({ ...own, pid: 2_147_483_646 }, own)).toBe('dead');
  });

  it('is not known of another machine or container', () => {
    expect(livenessOf({ ...own, host: 'ffffffffffff' }, own)).toBe('unknown');
  });

  it.runIf(process.platform === 'linux')(
    'is known of another process, also when it is stopped',
    async () => {
      const child = start('crash-child.ts', [temporary(), 'http://127.0.0.1:9', 'x']);
      await until(() => child.lines.length > 0, 60_000);
      const directory = child.process.spawnargs.at(-3)!;
      const [name] = segments(directory);
      const { owner } = parseSegmentName(name!)!;
      expect(owner?.pid).toBe(child.process.pid);
      child.process.kill('SIGSTOP');
      expect(livenessOf(owner!, own)).toBe('alive');
      child.process.kill('SIGKILL');
      await child.ended;
      expect(livenessOf(owner!, own)).toBe('dead');
    },
    90_000,
  );
});

describe('a segment of another machine', () => {
  const foreign = { ...own, host: 'ffffffffffff' };

  it('is taken over when its heartbeat stood still for 90 s, not before', async () => {
    const directory = temporary();
    const { runtime, clock } = fakeRuntime(Date.now());
    const other = openDiskOutbox({ directory, owner: OWNER, runtime });
    other.append('a1', sampleEvent('t1'));
    await other.close();
    disown(directory, foreign);
    const outbox = openDiskOutbox({ directory, owner: OWNER, runtime });
    await outbox.adopt();
    await clock.advance(60_000);
    await outbox.adopt();
    expect(outbox.depth()).toBe(0);
    // A heartbeat: the count begins anew.
    const name = segments(directory).find((segment) => parseSegmentName(segment)?.owner?.host === foreign.host);
    utimesSync(join(ownerFolder(directory, OWNER), name!), clock.now() / 1000, clock.now() / 1000);
    await outbox.adopt();
    await clock.advance(80_000);
    await outbox.adopt();
    expect(outbox.depth()).toBe(0);
    await clock.advance(15_000);
    await outbox.adopt();
    expect(outbox.depth()).toBe(1);
    await outbox.close();
  });
});

describe('the name of a segment', () => {
  it('says its owner, or that it is free', () => {
    for (const name of [
      { owner: own, id: '019aa-b' },
      { owner: undefined, id: 'x1' },
    ]) {
      expect(parseSegmentName(formatSegmentName(name))).toEqual(name);
    }
    for (const other of ['dead-letters.jsonl', 'free.x.segment.tmp', 'x.y.segment', 'free..segment', '']) {
      expect(parseSegmentName(other)).toBeUndefined();
    }
  });
});
