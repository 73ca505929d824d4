import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAPS_FILE, OWNER_FILE, RULES_FILE } from '../../cache/mirror-owner.js';
import { decide } from '../../enforcement/decide.js';
import { caches, MINUTE } from './support/cache-under-test.js';
import { until } from './support/fake-runtime.js';
import { feedBody, feedServers, reply } from './support/feed-server.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const serve = feedServers();
const create = caches();
const directory = temporaryDirectories();
const KEY = 'rev_mk_T_first';

describe('the rules on disk', () => {
  it('are in force at the very first check of a process whose service is away, stale, and counted as a generation', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('mirrored', { revision: 9 })));
    const before = create({ url: server.url, cacheDir });
    await before.cache.refresh();
    expect(before.cache.status().lastMirrorWriteMs).toBe(before.clock.now());
    await before.cache.stop();

    server.answer = () => undefined;
    const after = create({ url: server.url, cacheDir });
    expect(after.verdict()).toBe('RULE_TRIPPED');
    expect(after.cache.status()).toMatchObject({
      source: 'disk',
      generation: 1,
      revision: 9,
      lastSuccessMs: undefined,
    });
    expect(await after.cache.ready(0)).toBe(true);
  });

  it('give way to the answer of the service', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('a')));
    await create({ url: server.url, cacheDir }).cache.refresh();
    server.answer = reply(204);
    const { cache, verdict } = create({ url: server.url, cacheDir });
    expect(verdict()).toBe('RULE_TRIPPED');
    await cache.refresh();
    expect(verdict()).toBe('ALLOWED');
    expect(readFileSync(join(cacheDir, RULES_FILE), 'utf8')).toBe('[]');
    expect(create({ url: server.url, cacheDir }).verdict()).toBe('ALLOWED');
  });

  it('carry the department maps', async () => {
    const cacheDir = directory();
    const departments = {
      departmentBudgetBlocks: { ' Rita@Example.org ': 7 },
      departmentBudgetBlockBalances: { 'rita@example.org': '12.5' },
    };
    const server = await serve(reply(200, JSON.stringify({ rules: [], ...departments })));
    await create({ url: server.url, cacheDir }).cache.refresh();
    expect(JSON.parse(readFileSync(join(cacheDir, MAPS_FILE), 'utf8'))).toMatchObject({
      blocks: { 'rita@example.org': 7 },
      balances: { 'rita@example.org': 12.5 },
      warnings: {},
    });
    const { cache, runtime } = create({ url: server.url, cacheDir });
    const decision = decide(cache.current()!.ruleSet, { subscriberEmail: 'RITA@example.org' }, runtime.now());
    expect(decision).toMatchObject({ outcome: 'refuse', code: 'DEPARTMENT_TRIPPED', rule: { currentValue: 12.5 } });
  });

  it("I13: last week's mirror refuses nobody today", async () => {
    const cacheDir = directory();
    const windowEnd = Date.parse('2026-11-20T23:59:59.999Z') / 1000;
    const body = JSON.parse(feedBody('last week', { departmentBudgetBlocks: { 'rita@example.org': 7 } })) as {
      rules: Record<string, unknown>[];
    };
    body.rules[0]!['windowEnd'] = windowEnd;
    const server = await serve(reply(200, JSON.stringify(body)));
    const before = create({ url: server.url, cacheDir });
    await before.cache.refresh();
    expect(before.verdict()).toBe('RULE_TRIPPED');
    await before.cache.stop();

    server.answer = reply(503);
    const { cache, clock, verdict } = create({ url: server.url, cacheDir });
    clock.jump(Date.parse('2026-11-27T10:00:00Z'));
    expect(verdict()).toBe('ALLOWED');
    expect(cache.status()).toMatchObject({ source: 'disk', ruleCount: 1 });
    const rita = decide(cache.current()!.ruleSet, { subscriberEmail: 'rita@example.org' }, clock.now());
    expect(rita.outcome).toBe('allow');
  });

  it('I11: of another team, or of another service, are never loaded', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('of one')));
    const other = await serve(() => undefined);
    await create({ url: server.url, cacheDir, teamId: 'one' }).cache.refresh();
    server.answer = () => undefined;
    expect(create({ url: server.url, cacheDir, teamId: 'two' }).verdict()).toBe('nothing loaded');
    expect(create({ url: other.url, cacheDir, teamId: 'one' }).verdict()).toBe('nothing loaded');
    expect(create({ url: server.url, cacheDir, teamId: 'one' }).verdict()).toBe('RULE_TRIPPED');
  });

  it('I11: are those of the new team after the team of an instance changed', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('of two')));
    await create({ url: server.url, cacheDir, teamId: 'two' }).cache.refresh();
    server.answer = reply(204);
    const { cache, who, verdict } = create({ url: server.url, cacheDir, teamId: 'one' });
    await cache.refresh();
    expect(verdict()).toBe('ALLOWED');
    server.answer = reply(400);
    who.now = { apiKey: KEY, teamId: 'two' };
    await cache.refresh();
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status()).toMatchObject({ source: 'disk', generation: 2 });
  });

  it.each(['[{"ruleId":7,', '\u0000', '"x"', '[1,2]'])(
    'are ignored and counted when they are corrupt (%j)',
    async (text) => {
      const cacheDir = directory();
      const server = await serve(reply(200, feedBody('a')));
      await create({ url: server.url, cacheDir }).cache.refresh();
      writeFileSync(join(cacheDir, RULES_FILE), text);
      const { cache, verdict, runtime } = create({ url: server.url, cacheDir });
      server.answer = () => undefined;
      expect(verdict()).toBe('nothing loaded');
      expect(cache.status().counters.mirrorUnreadable).toBe(1);
      expect(runtime.lines.filter((line) => line.includes('cache directory'))).toHaveLength(1);
    },
  );

  it('are loaded without blocking when they are many', async () => {
    const cacheDir = directory();
    const rules = Array.from({ length: 20_000 }, (_, ruleId) => ({
      ruleId,
      name: `a name of some length ${ruleId}`,
      breached: true,
    }));
    const server = await serve(reply(200, JSON.stringify({ rules })));
    await create({ url: server.url, cacheDir }).cache.refresh();
    server.answer = () => undefined;
    const { cache, verdict } = create({ url: server.url, cacheDir });
    expect(verdict()).toBe('nothing loaded');
    await until(() => verdict() === 'RULE_TRIPPED');
    expect(cache.status()).toMatchObject({ source: 'disk', ruleCount: 20_000, generation: 1 });
  });

  it('I8: a disk that fails does not spoil the ETag: the whole feed comes again, and is written when the disk is well', async () => {
    const cacheDir = join(directory(), 'place');
    writeFileSync(cacheDir, 'a file where a folder should be');
    const server = await serve(reply(200, feedBody('a'), { etag: '"1"' }));
    const { cache, verdict, runtime } = create({ url: server.url, cacheDir });
    await cache.refresh();
    await cache.refresh();
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status()).toMatchObject({
      mirrorError: 'EEXIST',
      lastMirrorWriteMs: undefined,
      counters: { mirrorFailures: 2 },
    });
    rmSync(cacheDir);
    await cache.refresh();
    expect(cache.status()).toMatchObject({ mirrorError: undefined, counters: { mirrorFailures: 2, mirrorWrites: 1 } });
    server.answer = reply(304);
    await cache.refresh();
    expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      undefined,
      undefined,
      '"1"',
    ]);
    expect(runtime.lines).toEqual([
      expect.stringMatching(/^warn the rules could not be written/),
      expect.stringMatching(/^info the rules are written .* again$/),
    ]);
  });

  it('I9: are written again after somebody emptied the directory, although the service says that nothing changed', async () => {
    const cacheDir = directory();
    const server = await serve((request, response) =>
      (request.headers['if-none-match'] === '"1"' ? reply(304) : reply(200, feedBody('a'), { etag: '"1"' }))(
        request,
        response,
      ),
    );
    const { cache } = create({ url: server.url, cacheDir });
    await cache.refresh();
    for (const name of readdirSync(cacheDir)) rmSync(join(cacheDir, name), { recursive: true });
    expect((await cache.refresh()).kind).toBe('not-modified');
    expect((await cache.refresh()).kind).toBe('activated');
    expect(readdirSync(cacheDir)).toContain(RULES_FILE);
  });

  it('are in force before they are written: a lock that is held delays nobody', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('a')));
    const first = create({ url: server.url, cacheDir });
    await first.cache.refresh();
    mkdirSync(join(cacheDir, `${RULES_FILE}.lock`));
    server.answer = reply(204);
    const refresh = first.cache.refresh();
    await until(() => first.verdict() === 'ALLOWED');
    await first.cache.stop();
    await refresh;
    expect(JSON.parse(readFileSync(join(cacheDir, RULES_FILE), 'utf8'))).toHaveLength(1);
  });

  it('I12: hold no key, in content or in name', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('a')));
    const { cache } = create({ url: server.url, cacheDir });
    await cache.refresh();
    for (const name of readdirSync(cacheDir)) {
      expect(name).not.toContain(KEY);
      expect(readFileSync(join(cacheDir, name), 'utf8')).not.toContain(KEY);
    }
    expect(existsSync(join(cacheDir, OWNER_FILE))).toBe(true);
  });

  it('cost nothing where no directory is configured', async () => {
    const server = await serve(reply(200, feedBody('a'), { etag: '"1"' }));
    const { cache, pass } = create({ url: server.url });
    await cache.refresh();
    await pass(MINUTE);
    expect(server.requests[1]!.headers['if-none-match']).toBe('"1"');
    expect(cache.status()).toMatchObject({ lastMirrorWriteMs: undefined, counters: { mirrorWrites: 0 } });
  });
});
