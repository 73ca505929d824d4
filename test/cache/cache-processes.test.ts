import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { DiskMirror } from '../../cache/disk-mirror.js';
import { ownerOf } from '../../cache/feed-address.js';
import { readFeedInSteps } from '../../cache/feed-reader.js';
import { ownerFolder, RULES_FILE } from '../../cache/mirror-owner.js';
import { mirrorBodyInSteps } from '../../cache/mirror-text.js';
import { runInSlices } from '../../cache/run-in-slices.js';
import type { EnforcementStatus } from '../../cache/status.js';
import { startFakeService } from '../../src/testing/fake-service.js';
import { childArguments } from '../helpers/child-arguments.js';
import { realRuntime, until } from './support/fake-runtime.js';
import { type Answer, feedServers, reply } from './support/feed-server.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const serve = feedServers();
const directory = temporaryDirectories();
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

const runtime = realRuntime();
const support = (name: string) => fileURLToPath(new URL(`./support/${name}`, import.meta.url));

function start(program: string, args: readonly string[], channel: 'ipc' | 'ignore'): ChildProcess {
  const command = [...childArguments(support(program)), ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit', channel] });
  children.push(child);
  return child;
}

/** What a process that starts now would have: rule names and blocked persons. */
async function load(path: string, owner: string) {
  const read = await new DiskMirror(path, runtime).read(owner);
  if (read.kind !== 'found') return undefined;
  const reading = await runInSlices(
    readFeedInSteps(await runInSlices(mirrorBodyInSteps(read.files), runtime), 200),
    runtime,
  );
  if (reading.kind !== 'feed') return undefined;
  const names = [...reading.rawRules].map((rule) => (rule as { name: string }).name);
  return { names, persons: [...reading.departments.blocks.keys()], revision: read.files.owner.revision };
}

describe('processes that share a directory', () => {
  it('leave a whole mirror behind each time one is killed while it writes, 20 times', async () => {
    const path = directory();
    const owner = ownerOf('https://api.example.org', 'one');
    const lock = join(path, `${RULES_FILE}.lock`);
    let withMaps = 0;
    for (let round = 0; round < 20; round += 1) {
      const child = start('child-writer.ts', [path, owner], 'ignore');
      await once(child.stdout!, 'data');
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 40));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const mirror = await load(path, owner);
      expect(mirror?.names).toHaveLength(300);
      expect(new Set(mirror!.names).size).toBe(1);
      // Killed between the two renames: the maps are of other rules, and are not taken.
      if (mirror!.persons.length > 0) {
        expect(mirror!.persons).toEqual([`${mirror!.names[0]}@example.org`]);
        withMaps += 1;
      }
      // Five seconds later the dead process's lock is stale; the next round need not wait for that in real time.
      const longAgo = new Date(runtime.now() - 60_000);
      if (readdirSync(path).includes(`${RULES_FILE}.lock`)) utimesSync(lock, longAgo, longAgo);
    }
    expect(withMaps).toBeGreaterThan(10);
  }, 120_000);

  it('I11: 8 processes, two teams and a rotated key end with whole files, each in its place', async () => {
    const path = directory();
    const state = { revision: 1, keys: { one: 'rev_mk_one_1', two: 'rev_mk_two_1' } };
    const answer: Answer = (request, response) => {
      const team = request.url?.endsWith('/one') ? 'one' : 'two';
      if (request.headers['x-api-key'] !== state.keys[team]) return reply(401)(request, response);
      const etag = `"${state.revision}"`;
      if (request.headers['if-none-match'] === etag) return reply(304)(request, response);
      const rules = Array.from({ length: 50 }, (_, ruleId) => ({ ruleId, name: `${team} ${state.revision}` }));
      const blocks = { [`${team}@example.org`]: 1 };
      const body = JSON.stringify({ revision: state.revision, rules, departmentBudgetBlocks: blocks });
      reply(200, body, { etag })(request, response);
    };
    const server = await serve(answer);
    const polling = (['one', 'two', 'one', 'two', 'one', 'two', 'one', 'two'] as const).map((team) => ({
      team,
      child: start('child-poller.ts', [server.url, team, state.keys[team], path], 'ipc'),
    }));
    await Promise.all(polling.map(({ child }) => once(child, 'message')));
    const statuses = () =>
      Promise.all(
        polling.map(async ({ child }) => {
          child.send('status');
          return ((await once(child, 'message')) as [EnforcementStatus])[0];
        }),
      );
    for (let revision = 2; revision <= 15; revision += 1) {
      state.revision = revision;
      if (revision === 8) state.keys.one = 'rev_mk_one_2';
      await until(async () => (await statuses()).some((status) => status.revision === revision), 30_000);
    }
    await until(async () => (await statuses()).some((status) => status.lastError?.reason === 'HTTP 401'));
    for (const { team, child } of polling) if (team === 'one') child.send({ key: state.keys.one });
    const areDone = (status: EnforcementStatus) => status.revision === 15 && status.counters.notModified > 0;
    await until(
      async () => (await statuses()).every((status) => areDone(status) && status.lastError === undefined),
      30_000,
    );
    for (const { child } of polling) child.send('stop');
    for (const { child } of polling) {
      if (child.exitCode === null) await once(child, 'exit');
      expect(child.exitCode).toBe(0);
    }

    const owners = { one: ownerOf(server.url, 'one'), two: ownerOf(server.url, 'two') };
    for (const team of ['one', 'two'] as const) {
      const mirror = await load(path, owners[team]);
      expect(mirror).toEqual({
        names: Array.from({ length: 50 }, () => `${team} 15`),
        persons: [`${team}@example.org`],
        revision: 15,
      });
    }
    const folders = [path, ...Object.values(owners).map((owner) => ownerFolder(path, owner))];
    for (const folder of folders) {
      for (const name of listing(folder)) {
        const stat = statSync(join(folder, name));
        expect(name).not.toMatch(/\.(tmp|lock)$/);
        expect(stat.mode & 0o077).toBe(0);
      }
    }
    expect(folders.filter((folder) => listing(folder).includes(RULES_FILE))).toHaveLength(2);
  }, 120_000);

  it('a process ends when its work is done, although the service accepts and never answers', async () => {
    const server = await serve(() => undefined);
    const child = start('child-poller.ts', [server.url, 'one', 'rev_mk_one_1', ''], 'ignore');
    const ended = once(child, 'exit');
    await until(() => server.requests.length > 0, 60_000);
    const begin = performance.now();
    expect(await ended).toEqual([0, null]);
    // The request alone would take 10 s.
    expect(performance.now() - begin).toBeLessThan(9_000);
    expect(server.requests).toHaveLength(1);
  });
});

function listing(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

describe('a process that watches the feed', () => {
  it('ends by itself in the middle of a wait: the poller does not hold it', async () => {
    const service = await startFakeService();
    try {
      const child = start('child-watcher.ts', [service.url, service.teamId, service.apiKey], 'ignore');
      const ended = once(child, 'exit');
      await once(child.stdout!, 'data');
      const began = performance.now();
      expect(await ended).toEqual([0, null]);
      // The wait would take 50 s.
      expect(performance.now() - began).toBeLessThan(15_000);
    } finally {
      await service.close();
    }
  });
});
