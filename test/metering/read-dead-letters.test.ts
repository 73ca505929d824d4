import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDeadLetters } from '../../src/metering/dead-letters.js';
import {
  hasDeadLetters,
  readDeadLetters,
  removeDeadLetters,
  stampOfDeadLetters,
} from '../../src/metering/read-dead-letters.js';
import { createRuntime } from '../../src/runtime.js';
import { sampleEvent } from './support/events.js';

const runtime = createRuntime({}, 'CRITICAL');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fusewire-letters-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (...keys: string[]) => {
  const letters = createDeadLetters(folder, 1_000_000, runtime);
  for (const key of keys) {
    const entry = { idempotencyKey: key, event: sampleEvent(`t-${key}`), createdAtMs: 1_000 };
    expect(letters.add(entry, 'HTTP 400')).toBe(true);
  }
};
const keys = async () => (await readDeadLetters(folder)).letters.map(({ idempotencyKey }) => idempotencyKey);

it('are read as they were written, each key once', async () => {
  expect(hasDeadLetters(folder)).toBe(false);
  expect(hasDeadLetters(join(folder, 'nowhere'))).toBe(false);
  expect(await readDeadLetters(join(folder, 'nowhere'))).toEqual({ letters: [], torn: 0 });
  write('a', 'b', 'a');
  expect(hasDeadLetters(folder)).toBe(true);
  const { letters, torn } = await readDeadLetters(folder);
  expect(torn).toBe(0);
  expect(letters.map(({ at: _at, ...letter }) => letter)).toEqual(
    ['a', 'b'].map((idempotencyKey) => {
      return { idempotencyKey, event: sampleEvent(`t-${idempotencyKey}`), createdAtMs: 1_000, reason: 'HTTP 400' };
    }),
  );
});

it('of both files, and of older versions, which did not say when the event was appended', async () => {
  const at = '2026-11-20T10:00:00.000Z';
  const old = { at, reason: 'HTTP 422', idempotencyKey: 'old', event: sampleEvent('t-old') };
  writeFileSync(join(folder, 'dead-letters.jsonl.1'), `${JSON.stringify(old)}\n`);
  write('new');
  const { letters } = await readDeadLetters(folder);
  expect(letters.map(({ idempotencyKey, createdAtMs }) => [idempotencyKey, createdAtMs])).toEqual([
    ['old', Date.parse(at)],
    ['new', 1_000],
  ]);
});

it('a torn line costs itself only, is counted and stays', async () => {
  write('a');
  appendFileSync(join(folder, 'dead-letters.jsonl'), '{"at":"2026\n');
  write('b');
  const { letters, torn } = await readDeadLetters(folder);
  expect([letters.length, torn]).toEqual([2, 1]);
  await removeDeadLetters(folder, () => true, runtime.newId);
  expect(await readDeadLetters(folder)).toEqual({ letters: [], torn: 1 });
});

it('a disk that fails is told, and tears no line that comes after it', async () => {
  const letters = createDeadLetters(join(folder, 'later'), 1_000_000, runtime);
  const entry = { idempotencyKey: 'a', event: sampleEvent('t'), createdAtMs: 1_000 };
  expect(letters.add(entry, 'HTTP 400')).toBe(false);
  rmSync(join(folder, 'later'), { recursive: true, force: true });
  mkdirSync(join(folder, 'later'));
  expect(letters.add(entry, 'HTTP 400')).toBe(true);
  expect((await readDeadLetters(join(folder, 'later'))).letters).toHaveLength(1);
});

it('those that are done are taken out, and those that are written meanwhile stay', async () => {
  write('a', 'b', 'c');
  const before = await stampOfDeadLetters(folder);
  const removing = removeDeadLetters(folder, (key) => key === 'b', runtime.newId);
  write('d');
  await removing;
  expect((await keys()).sort()).toEqual(['a', 'c', 'd']);
  expect(await stampOfDeadLetters(folder)).not.toBe(before);
  await removeDeadLetters(folder, () => true, runtime.newId);
  expect(readdirSync(folder)).toEqual([]);
  expect(await stampOfDeadLetters(folder)).toBe('');
});

it('what a process was going through when it died is there', async () => {
  write('a');
  // As after a rename, or after some were written back.
  renameSync(join(folder, 'dead-letters.jsonl'), join(folder, `dead-letters.${runtime.newId()}.jsonl`));
  write('a', 'b');
  expect(await keys()).toEqual(['a', 'b']);
  await removeDeadLetters(folder, (key) => key === 'a', runtime.newId);
  expect(await keys()).toEqual(['b']);
  expect(readdirSync(folder)).toEqual(['dead-letters.jsonl']);
});

it('by several at once none is lost', async () => {
  const all = Array.from({ length: 200 }, (_, i) => `k${i}`);
  write(...all);
  const done = (part: number) => (key: string) => Number(key.slice(1)) % 4 === part;
  await Promise.all([0, 1, 2].map((part) => removeDeadLetters(folder, done(part), runtime.newId)));
  const left = await keys();
  for (const key of all) if (Number(key.slice(1)) % 4 === 3) expect(left).toContain(key);
});
