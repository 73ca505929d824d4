import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DiskOutbox, type DiskOutboxOptions, openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { ownerFolder } from '../../src/metering/owner-folder.js';
import { fakeRuntime, type TestRuntime } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { describeOutbox } from './outbox-contract.js';
import { sampleEstimate, sampleEvent, sampleToolEvent } from './support/events.js';
import { allText, disown, OWNER, segments } from './support/outbox-folder.js';

const temporary = temporaryDirectories();

describeOutbox('disk', (runtime, bounds) =>
  openDiskOutbox({ directory: temporary(), owner: OWNER, runtime, ...bounds }),
);

function open(directory: string, options: Partial<DiskOutboxOptions> = {}): DiskOutbox & { runtime: TestRuntime } {
  const { runtime } = fakeRuntime();
  return Object.assign(openDiskOutbox({ directory, owner: OWNER, runtime, ...options }), { runtime });
}

/** What a process that starts now on this directory delivers. */
async function recovered(directory: string, options: Partial<DiskOutboxOptions> = {}) {
  const outbox = open(directory, options);
  await outbox.adopt();
  const entries = outbox.claim(1000);
  for (const entry of entries) outbox.acknowledge(entry);
  await outbox.close();
  return { entries, counters: outbox.counters(), lines: (options.runtime as TestRuntime | undefined)?.lines ?? [] };
}

describe('the outbox on disk', () => {
  it('touches no file before the first note or append', () => {
    const directory = temporary();
    const outbox = open(directory);
    outbox.claim(1);
    outbox.depth();
    expect(readdirSync(directory)).toEqual([]);
    outbox.note('a1', () => sampleEstimate('a1'));
    expect(segments(directory)).toHaveLength(1);
  });

  it('I4: what a dead process left is delivered once, with the same key, and then gone', async () => {
    const directory = temporary();
    const dead = open(directory);
    dead.note('a1', () => sampleEstimate('a1'));
    dead.append('a1', sampleEvent('t1'));
    dead.append('a2', sampleEvent('t2'));
    dead.acknowledge(dead.claim(1)[0]!);
    disown(directory);
    const first = await recovered(directory);
    expect(first.entries).toMatchObject([{ idempotencyKey: 'a2', event: { transactionId: 't2' } }]);
    expect(first.counters).toMatchObject({ recovered: 1, acknowledged: 1, appended: 0 });
    expect((await recovered(directory)).entries).toEqual([]);
    expect(segments(directory)).toEqual([]);
  });

  it('I4: an attempt that was under way when the process died becomes an estimated event', async () => {
    const directory = temporary();
    const dead = open(directory);
    for (const id of ['open', 'forgotten', 'done']) dead.note(id, () => sampleEstimate(id));
    dead.forget('forgotten');
    dead.append('done', sampleEvent('t1'));
    disown(directory);
    const { entries } = await recovered(directory);
    expect(entries.map((entry) => entry.idempotencyKey).sort()).toEqual(['done', 'open']);
    const estimate = entries.find((entry) => entry.idempotencyKey === 'open');
    expect(estimate?.event).toEqual(sampleEstimate('open'));
  });

  it('keeps what was not delivered when it is closed, for the next process', async () => {
    const directory = temporary();
    const outbox = open(directory);
    outbox.append('a1', sampleEvent('t1'));
    await outbox.close();
    expect((await recovered(directory)).entries).toHaveLength(1);
  });

  it('leaves the segments of living processes alone', async () => {
    const directory = temporary();
    const living = open(directory);
    living.append('a1', sampleEvent('t1'));
    expect((await recovered(directory)).entries).toEqual([]);
    expect(living.depth()).toBe(1);
  });

  it('I11: nobody takes over the events of another team or service', async () => {
    const directory = temporary();
    const other = open(directory, { owner: { ...OWNER, teamId: 'another' } });
    other.append('a1', sampleEvent('t1'));
    disown(directory, undefined, { ...OWNER, teamId: 'another' });
    expect((await recovered(directory)).entries).toEqual([]);
    expect((await recovered(directory, { owner: { origin: 'http://elsewhere', teamId: 'another' } })).entries).toEqual(
      [],
    );
    expect((await recovered(directory, { owner: { ...OWNER, teamId: 'another' } })).entries).toHaveLength(1);
  });

  it('a segment is taken over by one of many', async () => {
    const directory = temporary();
    const dead = open(directory);
    for (let i = 0; i < 20; i += 1) dead.append(`a${i}`, sampleEvent(`t${i}`));
    disown(directory);
    const all = await Promise.all(Array.from({ length: 8 }, () => recovered(directory)));
    const keys = all.flatMap(({ entries }) => entries.map((entry) => entry.idempotencyKey));
    expect(keys).toHaveLength(20);
    expect(new Set(keys).size).toBe(20);
  });

  it('tolerates a torn last line, and lines that mean nothing', async () => {
    const directory = temporary();
    const dead = open(directory);
    dead.append('a1', sampleEvent('t1'));
    const path = join(ownerFolder(directory, OWNER), segments(directory)[0]!);
    appendFileSync(path, 'null\n{"kind":"event","id":"x"}\n{"kind":"event","id":"y","at":1,"event":{}}\n');
    appendFileSync(path, '{"kind":"done","id":"a');
    disown(directory);
    expect((await recovered(directory)).entries).toMatchObject([{ idempotencyKey: 'a1' }]);
  });

  it('I10: takes over no more than there is room for, and the rest later', async () => {
    const directory = temporary();
    const dead = open(directory);
    for (let i = 0; i < 50; i += 1) dead.append(`a${i}`, sampleEvent(`t${i}`));
    disown(directory);
    const outbox = open(directory, { capacity: 20 });
    const seen: string[] = [];
    await outbox.adopt();
    expect(outbox.depth()).toBe(10);
    for (let round = 0; round < 20 && seen.length < 50; round += 1) {
      for (const entry of outbox.claim(100)) {
        seen.push(entry.idempotencyKey);
        outbox.acknowledge(entry);
      }
      await outbox.adopt();
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => `a${i}`));
    expect(outbox.counters()).toMatchObject({ recovered: 50, acknowledged: 50, dropped: 0 });
    await outbox.close();
    expect(segments(directory)).toEqual([]);
  });

  it('a process that dies halfway through taking over loses nothing', async () => {
    const directory = temporary();
    const dead = open(directory);
    for (let i = 0; i < 30; i += 1) dead.append(`a${i}`, sampleEvent(`t${i}`));
    disown(directory);
    const second = open(directory, { capacity: 20 });
    await second.adopt();
    for (const entry of second.claim(3)) second.acknowledge(entry);
    disown(directory);
    const keys = new Set((await recovered(directory)).entries.map((entry) => entry.idempotencyKey));
    for (let i = 3; i < 30; i += 1) expect(keys).toContain(`a${i}`);
  });

  it('I10: the age bound holds across processes', async () => {
    const directory = temporary();
    const { runtime, clock } = fakeRuntime();
    const dead = open(directory, { runtime });
    dead.append('old', sampleEvent('t1'));
    await clock.advance(23 * 3_600_000);
    dead.append('young', sampleEvent('t2'));
    await clock.advance(2 * 3_600_000);
    await dead.adopt();
    disown(directory);
    const later = await recovered(directory, { runtime });
    expect(later.entries.map((entry) => entry.idempotencyKey)).toEqual(['young']);
    expect(later.counters).toMatchObject({ recovered: 2, dropped: 1 });
  });

  it('I10: dead segments beyond the size are deleted, the oldest first, and counted', async () => {
    const directory = temporary();
    for (let i = 0; i < 4; i += 1) {
      const dead = open(directory);
      dead.append(`a${i}`, sampleEvent(`t${i}`, { errorReason: 'x'.repeat(4000) }));
      await dead.close();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { runtime } = fakeRuntime();
    const { entries, counters } = await recovered(directory, { maxBytes: 10_000, runtime });
    expect(entries.map((entry) => entry.idempotencyKey)).toEqual(['a2', 'a3']);
    expect(counters).toMatchObject({ recovered: 4, dropped: 2, acknowledged: 2 });
    expect(segments(directory)).toEqual([]);
  });

  it('I10: the file stays small however many events pass through', () => {
    const directory = temporary();
    const outbox = open(directory);
    let largest = 0;
    for (let i = 0; i < 3000; i += 1) {
      outbox.note(`a${i}`, () => sampleEstimate(`a${i}`));
      outbox.append(`a${i}`, sampleEvent(`t${i}`));
      outbox.acknowledge(outbox.claim(1)[0]!);
      if (i % 100 === 0) largest = Math.max(largest, allText(directory).length);
    }
    expect(largest).toBeLessThan(1_500_000);
    expect(segments(directory)).toHaveLength(1);
  });

  it('I10: the file stays small while the service is away, and holds what is in the outbox', async () => {
    const directory = temporary();
    const outbox = open(directory, { capacity: 100 });
    for (let i = 0; i < 5000; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    expect(allText(directory).length).toBeLessThan(2_000_000);
    disown(directory);
    const { entries } = await recovered(directory, { capacity: 1000 });
    expect(entries.map((entry) => entry.idempotencyKey)).toEqual(Array.from({ length: 100 }, (_, i) => `a${4900 + i}`));
  });

  it('I10: above its size it goes on in memory only, says so once, and returns', () => {
    const directory = temporary();
    const outbox = open(directory, { maxBytes: 20_000, capacity: 1000 });
    for (let i = 0; i < 200; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    expect(outbox.depth()).toBe(200);
    expect(allText(directory).length).toBeLessThan(20_001);
    expect(outbox.runtime.lines.filter((line) => line.includes('reached its size'))).toHaveLength(1);
  });

  it('I12: folders are 0700 and files 0600, the directory of others stays as it is', () => {
    const directory = temporary();
    mkdirSync(ownerFolder(directory, OWNER), { recursive: true, mode: 0o755 });
    const outbox = open(directory);
    outbox.append('a1', sampleEvent('t1'));
    outbox.reject(outbox.claim(1)[0]!, 'HTTP 400');
    const folder = ownerFolder(directory, OWNER);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes).toEqual([0o600, 0o600]);
  });
});

describe('the dead letters', () => {
  it('hold the event, the reason and the key, and no live credential (I12)', async () => {
    const directory = temporary();
    const outbox = open(directory, { secret: () => 'hak_metering' });
    const subscriber = { id: 'u-1', credential: { name: 'svc', value: 'sk-live-0123456789abcdef' } };
    outbox.append('a1', sampleEvent('t1', { subscriber }));
    outbox.reject(outbox.claim(1)[0]!, 'HTTP 400 Value is not valid');
    const text = readFileSync(join(ownerFolder(directory, OWNER), 'dead-letters.jsonl'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({
      idempotencyKey: 'a1',
      reason: 'HTTP 400 Value is not valid',
      event: { transactionId: 't1', subscriber: { credential: { name: 'svc', value: '***cdef' } } },
    });
    disown(directory);
    expect((await recovered(directory)).entries).toEqual([]);
  });

  it('I10: two files of the given size at most', () => {
    const directory = temporary();
    const outbox = open(directory, { maxBytes: 5_000 });
    for (let i = 0; i < 100; i += 1) {
      outbox.append(`a${i}`, sampleEvent(`t${i}`));
      outbox.reject(outbox.claim(1)[0]!, 'HTTP 422');
    }
    const folder = ownerFolder(directory, OWNER);
    for (const name of ['dead-letters.jsonl', 'dead-letters.jsonl.1']) {
      expect(statSync(join(folder, name)).size).toBeLessThan(6_000);
    }
    expect(outbox.runtime.lines.filter((line) => line.includes('older half'))).toHaveLength(1);
    expect(outbox.runtime.lines.filter((line) => line.includes('refused a usage event'))).toHaveLength(1);
  });
});

describe('somebody’s credential in the outbox (I12)', () => {
  const credential = { name: 'svc', value: 'sk-live-0123456789abcdef' };
  const event = sampleEvent('t1', { subscriber: { id: 'u-1', credential } });

  it('is encrypted on disk and whole, byte for byte, when it is delivered after a crash', async () => {
    const directory = temporary();
    const dead = open(directory, { secret: () => 'hak_metering' });
    dead.note('a1', () => event);
    dead.append('a2', event);
    expect(allText(directory)).not.toContain(credential.value);
    expect(allText(directory)).not.toContain('hak_metering');
    disown(directory);
    const { entries } = await recovered(directory, { secret: () => 'hak_metering' });
    expect(entries).toHaveLength(2);
    for (const entry of entries) expect(JSON.stringify(entry.event)).toBe(JSON.stringify(event));
  });

  it('of a tool event is kept in the same way, and masked among the dead letters', async () => {
    const tool = sampleToolEvent('t2', { subscriberCredential: credential.value, agent: 'triage' });
    const directory = temporary();
    const dead = open(directory, { secret: () => 'hak_metering' });
    dead.append('a1', tool);
    dead.append('a2', tool);
    expect(allText(directory)).not.toContain(credential.value);
    dead.reject(dead.claim(1)[0]!, 'HTTP 422');
    expect(allText(directory)).toContain('"subscriberCredential":"***cdef"');
    disown(directory);
    const { entries } = await recovered(directory, { secret: () => 'hak_metering' });
    expect(entries.map((entry) => JSON.stringify(entry.event))).toEqual([JSON.stringify(tool)]);
  });

  it('of a tool event is left out where the metering key is another one', async () => {
    const tool = sampleToolEvent('t2', { subscriberCredential: credential.value, agent: 'triage' });
    const directory = temporary();
    open(directory, { secret: () => 'hak_one' }).append('a1', tool);
    disown(directory);
    const { entries } = await recovered(directory, { secret: () => 'hak_two' });
    expect(entries.map((entry) => entry.event)).toEqual([sampleToolEvent('t2', { agent: 'triage' })]);
  });

  it('is left out, and its name kept, where the metering key is another one or was not known', async () => {
    for (const [before, after] of [
      ['hak_one', 'hak_two'],
      [undefined, 'hak_two'],
      ['hak_one', undefined],
    ]) {
      const directory = temporary();
      open(directory, { secret: () => before }).append('a1', event);
      expect(allText(directory)).not.toContain(credential.value);
      disown(directory);
      const { entries } = await recovered(directory, { secret: () => after });
      expect(entries[0]?.event).toHaveProperty('subscriber', { id: 'u-1', credential: { name: 'svc' } });
    }
  });
});

describe('a failing disk', () => {
  it('I2, I9: an unwritable directory is said once, events stay in memory, and it heals by itself', async () => {
    const directory = join(temporary(), 'cache');
    writeFileSync(directory, 'a file stands where the folder should be');
    const { runtime, clock } = fakeRuntime();
    const outbox = open(directory, { runtime });
    for (let i = 0; i < 5; i += 1) {
      outbox.note(`a${i}`, () => sampleEstimate(`a${i}`));
      outbox.append(`a${i}`, sampleEvent(`t${i}`));
      await clock.advance(2000);
    }
    expect(outbox.depth()).toBe(5);
    expect(outbox.isDurable()).toBe(false);
    expect(runtime.lines.filter((line) => line.includes('cannot be written'))).toHaveLength(1);
    outbox.acknowledge(outbox.claim(1)[0]!);
    rmSync(directory);
    await clock.advance(10_000);
    expect(outbox.isDurable()).toBe(true);
    expect(runtime.lines.filter((line) => line.includes('written to disk again'))).toHaveLength(1);
    await outbox.adopt();
    disown(directory);
    expect((await recovered(directory)).entries.map((entry) => entry.idempotencyKey)).toEqual(['a1', 'a2', 'a3', 'a4']);
    await outbox.close();
  });

  it('I9: a disk that fills up in the middle of a line loses nothing, and nothing later', async () => {
    const directory = temporary();
    let space = 2000;
    const { runtime, clock } = fakeRuntime();
    const outbox = open(directory, {
      runtime,
      write: (fd, text) => {
        const part = Buffer.from(text).subarray(0, space);
        space -= part.length;
        if (part.length === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
        writeFileSync(fd, part);
        return part.length;
      },
    });
    for (let i = 0; i < 10; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    expect(outbox.isDurable()).toBe(false);
    expect(outbox.depth()).toBe(10);
    space = 1_000_000;
    await clock.advance(10_000);
    outbox.append('after', sampleEvent('after'));
    expect(outbox.isDurable()).toBe(true);
    await outbox.adopt();
    disown(directory);
    expect((await recovered(directory)).entries).toHaveLength(11);
    await outbox.close();
  });

  it('I9: a folder that somebody deletes is made again, with all that is open', async () => {
    const directory = temporary();
    const { runtime, clock } = fakeRuntime();
    const outbox = open(directory, { runtime });
    outbox.note('n1', () => sampleEstimate('n1'));
    outbox.append('a1', sampleEvent('t1'));
    rmSync(ownerFolder(directory, OWNER), { recursive: true });
    await clock.advance(25_000);
    outbox.append('a2', sampleEvent('t2'));
    await outbox.adopt();
    disown(directory);
    const { entries } = await recovered(directory);
    expect(entries.map((entry) => entry.idempotencyKey).sort()).toEqual(['a1', 'a2', 'n1']);
    await outbox.close();
  });
});

describe('an owner that is not known yet', () => {
  it('I9, I11: nothing is written until it is, then everything', async () => {
    const directory = temporary();
    const { runtime, clock } = fakeRuntime();
    let owner: typeof OWNER | undefined;
    const outbox = open(directory, { runtime, owner: () => owner });
    outbox.note('n1', () => sampleEstimate('n1'));
    outbox.append('a1', sampleEvent('t1'));
    expect(readdirSync(directory)).toEqual([]);
    owner = OWNER;
    outbox.append('a2', sampleEvent('t2'));
    await clock.advance(1);
    await outbox.adopt();
    disown(directory);
    expect((await recovered(directory)).entries).toHaveLength(3);
    await outbox.close();
  });
});
