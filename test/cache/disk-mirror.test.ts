import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiskMirror, type MirroredFeed } from '../../cache/disk-mirror.js';
import { ownerOf } from '../../cache/feed-address.js';
import { readFeedInSteps } from '../../cache/feed-reader.js';
import { MAPS_FILE, OWNER_FILE, ownerFolder, RULES_FILE } from '../../cache/mirror-owner.js';
import { mirrorBodyInSteps } from '../../cache/mirror-text.js';
import { fakeRuntime, realRuntime } from './support/fake-runtime.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const directory = temporaryDirectories();
const never = new AbortController().signal;
const ONE = ownerOf('https://api.example.org', 'one');
const TWO = ownerOf('https://api.example.org', 'two');

function feed(name: string, over: Partial<MirroredFeed> = {}): MirroredFeed {
  return {
    rawRules: [{ ruleId: 7, name, breached: true, threshold: 10, currentValue: 11, unknownField: { kept: true } }],
    departments: {
      blocks: new Map([['rita@example.org', 7]]),
      balances: new Map([['rita@example.org', 10.5]]),
      warnings: new Map([['sam@example.org', 7]]),
    },
    revision: 5,
    afterReset: false,
    ...over,
  };
}

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** What a start would read, both ways of reading agreeing. */
async function load(mirror: DiskMirror, owner: string) {
  const read = await mirror.read(owner);
  expect(mirror.readNow(owner)).toEqual(read);
  if (read.kind !== 'found') return read.kind;
  const reading = drain(readFeedInSteps(drain(mirrorBodyInSteps(read.files)), 200));
  if (reading.kind === 'malformed') return 'malformed';
  const names = [...reading.rawRules].map((rule) => (rule as { name?: string }).name);
  return { names, blocks: [...reading.departments.blocks], revision: read.files.owner.revision };
}

describe('the disk mirror', () => {
  it('writes the two files of contract 2.9 and a sidecar, private, and reads them back', async () => {
    const path = join(directory(), 'made', 'when missing');
    const { runtime } = fakeRuntime();
    const mirror = new DiskMirror(path, runtime);
    expect(await load(mirror, ONE)).toBe('none');
    expect(await mirror.write(ONE, feed('café'), never)).toEqual({ kind: 'written' });

    const rulesText = readFileSync(join(path, RULES_FILE), 'utf8');
    expect(JSON.parse(rulesText)).toEqual([...feed('café').rawRules]);
    expect(JSON.parse(readFileSync(join(path, MAPS_FILE), 'utf8'))).toEqual({
      rules_fingerprint: createHash('sha256').update(rulesText).digest('hex'),
      blocks: { 'rita@example.org': 7 },
      balances: { 'rita@example.org': 10.5 },
      warnings: { 'sam@example.org': 7 },
    });
    expect(JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8'))).toEqual({
      owner: ONE,
      writtenAt: new Date(runtime.now()).toISOString(),
      revision: 5,
    });
    for (const name of [RULES_FILE, MAPS_FILE, OWNER_FILE]) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readdirSync(path).sort()).toEqual([MAPS_FILE, OWNER_FILE, RULES_FILE].sort());
    expect(await load(mirror, ONE)).toEqual({ names: ['café'], blocks: [['rita@example.org', 7]], revision: 5 });
  });

  it('I12: tightens files that were there and open', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('a'), never);
    for (const name of [RULES_FILE, MAPS_FILE, OWNER_FILE]) chmodSync(join(path, name), 0o666);
    await mirror.write(ONE, feed('b'), never);
    for (const name of [RULES_FILE, MAPS_FILE, OWNER_FILE]) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
  });

  it('writes an empty list for a team without rules', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    const departments = { blocks: new Map(), balances: new Map(), warnings: new Map() };
    await mirror.write(ONE, feed('', { rawRules: [], departments }), never);
    expect(readFileSync(join(path, RULES_FILE), 'utf8')).toBe('[]');
    expect(await load(mirror, ONE)).toEqual({ names: [], blocks: [], revision: 5 });
  });

  it("I11: keeps two teams in one directory apart: the first at the contract's paths, the other in a folder of its own", async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('of one'), never);
    expect(await load(mirror, TWO)).toBe('none');
    await mirror.write(TWO, feed('of two'), never);
    expect(await load(mirror, ONE)).toMatchObject({ names: ['of one'] });
    expect(await load(mirror, TWO)).toMatchObject({ names: ['of two'] });
    expect(existsSync(join(ownerFolder(path, TWO), RULES_FILE))).toBe(true);
    expect(statSync(ownerFolder(path, TWO)).mode & 0o777).toBe(0o700);
  });

  it('leaves rules that somebody else wrote without a sidecar where they are, and does not take them for its own', async () => {
    const path = directory();
    const foreign = '[{"ruleId": 1, "name": "of another SDK", "breached": true}]';
    writeFileSync(join(path, RULES_FILE), foreign);
    const mirror = new DiskMirror(path, realRuntime());
    expect(await load(mirror, ONE)).toBe('none');
    expect(await mirror.write(ONE, feed('own'), never)).toEqual({ kind: 'written' });
    expect(readFileSync(join(path, RULES_FILE), 'utf8')).toBe(foreign);
    expect(await load(mirror, ONE)).toMatchObject({ names: ['own'] });
  });

  it('drops the maps, and only the maps, when they belong to other rules', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('first'), never);
    const oldMaps = readFileSync(join(path, MAPS_FILE));
    await mirror.write(ONE, feed('second'), never);
    writeFileSync(join(path, MAPS_FILE), oldMaps);
    expect(await load(mirror, ONE)).toEqual({ names: ['second'], blocks: [], revision: 5 });
  });

  it('takes the maps when the rules are the same in another layout, as another writer would lay them out', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('same'), never);
    const rules = JSON.parse(readFileSync(join(path, RULES_FILE), 'utf8')) as object[];
    writeFileSync(
      join(path, RULES_FILE),
      JSON.stringify(
        rules.map((rule) => Object.fromEntries(Object.entries(rule).reverse())),
        null,
        2,
      ),
    );
    expect(await load(mirror, ONE)).toMatchObject({ names: ['same'], blocks: [['rita@example.org', 7]] });
  });

  it('tolerates an object with rules in it', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('x'), never);
    writeFileSync(join(path, RULES_FILE), '{"rules":[{"ruleId":2,"name":"wrapped"}]}');
    expect(await load(mirror, ONE)).toEqual({ names: ['wrapped'], blocks: [], revision: 5 });
  });

  it.each([
    ['cut', '[{"ruleId":7,"name":"a"'],
    ['empty in the middle', '\u0000\u0000\u0000'],
    ['a text', '"rules"'],
    ['more than one value', '[],"x":1'],
    ['not rules', '[1,2,3]'],
  ])('finds rules that are %s malformed', async (_kind, text) => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('a'), never);
    writeFileSync(join(path, RULES_FILE), text);
    expect(await load(mirror, ONE)).toBe('malformed');
  });

  it.each(['', '{', '[]', '{"rules_fingerprint":7}', '{"rules_fingerprint":"00"}'])(
    'reads the rules alone when the maps file says %j',
    async (text) => {
      const path = directory();
      const mirror = new DiskMirror(path, realRuntime());
      await mirror.write(ONE, feed('a'), never);
      writeFileSync(join(path, MAPS_FILE), text);
      expect(await load(mirror, ONE)).toMatchObject({ names: ['a'], blocks: [] });
    },
  );

  it.each(['', '{}', 'null', '{"owner":7}'])(
    'belongs to nobody when the sidecar says %j, and is not read',
    async (text) => {
      const path = directory();
      const mirror = new DiskMirror(path, realRuntime());
      await mirror.write(ONE, feed('a'), never);
      writeFileSync(join(path, OWNER_FILE), text);
      expect(await load(mirror, ONE)).toBe('none');
      expect(await mirror.write(ONE, feed('b'), never)).toEqual({ kind: 'written' });
      expect(await load(mirror, ONE)).toMatchObject({ names: ['b'] });
    },
  );

  it('I9: fails without harm where it cannot write, and writes again when it can', async () => {
    const path = join(directory(), 'place');
    writeFileSync(path, 'a file where a folder should be');
    const mirror = new DiskMirror(path, realRuntime());
    expect((await mirror.write(ONE, feed('a'), never)).kind).toBe('failed');
    expect((await mirror.read(ONE)).kind).toBe('failed');
    expect(mirror.readNow(ONE).kind).toBe('failed');
    expect(await mirror.isThere(ONE)).toBe(false);
    rmSync(path);
    expect(await mirror.write(ONE, feed('a'), never)).toEqual({ kind: 'written' });
    expect(await mirror.isThere(ONE)).toBe(true);
  });

  it('takes over the lock of a process that died', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('a'), never);
    const lock = join(path, `${RULES_FILE}.lock`);
    mkdirSync(lock);
    const longAgo = new Date(realRuntime().now() - 60_000);
    utimesSync(lock, longAgo, longAgo);
    expect(await mirror.write(ONE, feed('b'), never)).toEqual({ kind: 'written' });
    expect(existsSync(lock)).toBe(false);
  });

  it('waits for a lock that is held, and no longer than until it is stopped', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    await mirror.write(ONE, feed('a'), never);
    mkdirSync(join(path, `${RULES_FILE}.lock`));
    const stopping = new AbortController();
    const write = mirror.write(ONE, feed('b'), stopping.signal);
    stopping.abort();
    expect(await write).toEqual({ kind: 'failed', reason: 'stopped' });
    expect(await load(mirror, ONE)).toMatchObject({ names: ['a'] });
  });

  it('does not put an older revision over a newer one that another process has just written', async () => {
    const { runtime, clock } = fakeRuntime();
    const mirror = new DiskMirror(directory(), runtime);
    await mirror.write(ONE, feed('newer', { revision: 9 }), never);
    expect(await mirror.write(ONE, feed('older', { revision: 8 }), never)).toEqual({ kind: 'superseded' });
    expect(await load(mirror, ONE)).toMatchObject({ names: ['newer'], revision: 9 });
    expect(await mirror.write(ONE, feed('anew', { revision: 1, afterReset: true }), never)).toEqual({
      kind: 'written',
    });
    await mirror.write(ONE, feed('newer', { revision: 9 }), never);
    await clock.advance(300_000);
    expect(await mirror.write(ONE, feed('anew', { revision: 1 }), never)).toEqual({ kind: 'written' });
  });

  it('I10: removes what writers that died left behind, and not what others are writing', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    const left = join(path, `${RULES_FILE}.0.tmp`);
    const fresh = join(path, `${RULES_FILE}.1.tmp`);
    writeFileSync(left, '[');
    writeFileSync(fresh, '[');
    const longAgo = new Date(realRuntime().now() - 61_000);
    utimesSync(left, longAgo, longAgo);
    await mirror.write(ONE, feed('a'), never);
    expect(existsSync(left)).toBe(false);
    expect(existsSync(fresh)).toBe(true);
  });

  it('does not read a large mirror while a check waits', async () => {
    const path = directory();
    const mirror = new DiskMirror(path, realRuntime());
    const rawRules = Array.from({ length: 20_000 }, (_, ruleId) => ({
      ruleId,
      name: `a name of some length ${ruleId}`,
    }));
    await mirror.write(ONE, feed('', { rawRules }), never);
    expect(mirror.readNow(ONE).kind).toBe('large');
    expect((await mirror.read(ONE)).kind).toBe('found');
  });
});
