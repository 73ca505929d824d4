import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { caches, MINUTE } from './support/cache-under-test.js';
import { until } from './support/fake-runtime.js';
import { type Answer, feedBody, feedServers, reply } from './support/feed-server.js';

const serve = feedServers();
const create = caches();

describe('the enforcement cache', () => {
  it('sends nothing before the first check, then has the rules, and polls every minute', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass, verdict, clock } = create({ url: server.url });
    await pass(5 * MINUTE, MINUTE);
    expect(server.requests).toEqual([]);
    expect(cache.status()).toMatchObject({ state: 'idle', generation: 0, source: 'none' });
    expect(verdict()).toBe('nothing loaded');
    // The HTTP client itself is loaded with the first request.
    await until(() => verdict() === 'RULE_TRIPPED');
    await pass(3 * MINUTE);
    expect(server.requests).toHaveLength(4);
    expect(server.requests[0]!.url).toBe('/v2/api/ai/enforcement-rules/k7PqWz');
    const { lastRequestMs, lastSuccessMs, lastActivationMs, ...status } = cache.status();
    expect([lastRequestMs, lastSuccessMs, lastActivationMs]).toEqual([clock.now(), clock.now(), clock.now()]);
    expect(status).toMatchObject({
      state: 'polling',
      source: 'wire',
      generation: 4,
      ruleCount: 1,
      lastMirrorWriteMs: undefined,
      lastError: undefined,
      counters: { polls: 4, requests: 4, failures: 0 },
    });
  });

  it('never lets a check wait: a service that accepts and does not answer costs nothing', async () => {
    const server = await serve(() => undefined);
    const { cache, verdict } = create({ url: server.url });
    const begin = performance.now();
    for (let check = 0; check < 10_000; check += 1)
      if (cache.current() !== undefined) throw new Error('rules from nowhere');
    // One request would take 10 s.
    expect(performance.now() - begin).toBeLessThan(5_000);
    await until(() => server.requests.length > 0);
    expect(verdict()).toBe('nothing loaded');
    expect(server.requests).toHaveLength(1);
  });

  it('encodes the team id, keeps the context path and drops trailing slashes', async () => {
    const server = await serve(reply(204));
    const { cache } = create({ url: `${server.url}/some/path//`, teamId: 'a/b+c d' });
    await cache.refresh();
    expect(server.requests[0]!.url).toBe('/some/path/v2/api/ai/enforcement-rules/a%2Fb%2Bc%20d');
  });

  it.each([
    ['204', reply(204)],
    ['an empty body', reply(200, '')],
    ['a bare empty list', reply(200, '[]')],
    ['rules: null', reply(200, '{"rules":null}')],
  ])('takes %s for a team without rules: initialised, and nothing is refused', async (_what, answer) => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, verdict } = create({ url: server.url });
    await cache.refresh();
    expect(verdict()).toBe('RULE_TRIPPED');
    server.answer = answer;
    expect(await cache.refresh()).toMatchObject({ kind: 'activated', generation: 2 });
    expect(verdict()).toBe('ALLOWED');
    expect(cache.status().ruleCount).toBe(0);
  });

  it.each([
    ['no JSON', '{"rules":['],
    ['no known field', '{"message":"maintenance"}'],
    ['a page', '<html>login</html>'],
    ['a number', '7'],
  ])('I8: keeps the last good rules when the answer is %s, and says so', async (_what, body) => {
    const server = await serve(reply(200, feedBody('a'), { etag: '"good"' }));
    const { cache, verdict, runtime } = create({ url: server.url });
    await cache.refresh();
    server.answer = reply(200, body, { etag: '"bad"' });
    expect((await cache.refresh()).kind).toBe('failed');
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status()).toMatchObject({ generation: 1, counters: { malformed: 1, failures: 1 } });
    expect(cache.status().lastError?.reason).toMatch(/^malformed feed/);
    expect(runtime.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    await cache.refresh();
    expect(server.requests[2]!.headers['if-none-match']).toBe('"good"');
    server.answer = reply(200, feedBody('a'));
    await cache.refresh();
    expect(cache.status().lastError).toBeUndefined();
    expect(runtime.lines.at(-1)).toBe('info the rule feed is back');
  });

  it('counts rules that are not understood, and takes the others', async () => {
    const body = JSON.parse(feedBody('a')) as { rules: object[] };
    body.rules.push({
      ruleId: 8,
      breached: true,
      filters: [{ dimension: 'MODEL', operator: 'SOUNDS_LIKE', value: 'x' }],
    });
    const server = await serve(reply(200, JSON.stringify(body)));
    const { cache, verdict } = create({ url: server.url });
    await cache.refresh();
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status()).toMatchObject({ ruleCount: 1, counters: { droppedRules: 1 } });
  });

  it('asks with the ETag of the rules in force; a 304 renews them in the same generation', async () => {
    const server = await serve(reply(200, feedBody('a'), { etag: '"1"' }));
    const { cache, clock } = create({ url: server.url });
    await cache.refresh();
    const loaded = cache.current();
    server.answer = reply(304);
    await clock.advance(1_000);
    expect(await cache.refresh()).toEqual({ kind: 'not-modified' });
    expect(server.requests[1]!.headers['if-none-match']).toBe('"1"');
    expect(cache.current()).toBe(loaded);
    expect(cache.status()).toMatchObject({ generation: 1, lastSuccessMs: clock.now(), counters: { notModified: 1 } });
    expect(cache.status().lastActivationMs).toBe(clock.now() - 1_000);
  });

  it('forgets the ETag when rules without one come into force', async () => {
    const server = await serve(reply(200, feedBody('a'), { etag: '"1"' }));
    const { cache } = create({ url: server.url });
    await cache.refresh();
    server.answer = reply(200, feedBody('b'));
    await cache.refresh();
    await cache.refresh();
    expect(server.requests.map((request) => request.headers['if-none-match'])).toEqual([undefined, '"1"', undefined]);
  });

  it('finds the feed under /profitstream after a 404, once a refresh, and remembers where it was', async () => {
    const answer: Answer = (request, response) =>
      request.url?.startsWith('/profitstream/')
        ? reply(200, feedBody('a'))(request, response)
        : reply(404)(request, response);
    const server = await serve(answer);
    const { cache, verdict } = create({ url: server.url });
    await cache.refresh();
    expect(verdict()).toBe('RULE_TRIPPED');
    await cache.refresh();
    const paths = server.requests.map((request) => request.url.replace('/v2/api/ai/enforcement-rules/k7PqWz', ''));
    expect(paths).toEqual(['', '/profitstream', '/profitstream']);
    server.answer = reply(404);
    expect(await cache.refresh()).toEqual({ kind: 'failed', reason: 'HTTP 404' });
    expect(server.requests).toHaveLength(5);
  });

  it('does not put /profitstream twice', async () => {
    const server = await serve(reply(404));
    const { cache } = create({ url: `${server.url}/profitstream` });
    await cache.refresh();
    expect(server.requests.map((request) => request.url)).toEqual(['/profitstream/v2/api/ai/enforcement-rules/k7PqWz']);
  });

  it.each(['ftp://127.0.0.1/x', 'file:///etc/passwd', 'api.example.org', ''])(
    'stays dormant with the base URL %j, and warns once',
    async (url) => {
      const { cache, runtime } = create({ url });
      cache.start();
      expect(cache.current()).toBeUndefined();
      expect(await cache.refresh()).toEqual({ kind: 'skipped', reason: 'dormant' });
      expect(await cache.ready(1e6)).toBe(false);
      cache.noteRevision(3);
      expect(cache.status().state).toBe('dormant');
      expect(runtime.lines).toHaveLength(1);
    },
  );

  it('I8: refuses an older revision, and takes it after three polls from a service that was set up anew', async () => {
    const server = await serve(reply(200, feedBody('new', { revision: 900 })));
    const { cache, pass, runtime } = create({ url: server.url });
    await cache.refresh();
    server.answer = reply(200, feedBody('old', { revision: 2 }), { etag: '"2"' });
    await pass(2 * MINUTE + 30_000);
    expect(cache.status()).toMatchObject({ revision: 900, generation: 1, counters: { olderRevisions: 2 } });
    await pass(MINUTE);
    expect(cache.status()).toMatchObject({ revision: 2, generation: 2, counters: { olderRevisions: 2 } });
    expect(runtime.lines.some((line) => line.includes('counts anew'))).toBe(true);
  });

  it('fetches soon, once, when the service says in passing that it has a newer revision', async () => {
    const server = await serve(reply(200, feedBody('a', { revision: 5 })));
    const { cache, pass } = create({ url: server.url });
    cache.noteRevision(6);
    await cache.refresh();
    for (const revision of [3, 5, Number.NaN, 1.5]) cache.noteRevision(revision);
    await pass(5_000);
    expect(server.requests).toHaveLength(1);
    server.answer = reply(200, feedBody('b', { revision: 6 }));
    for (let event = 0; event < 100; event += 1) cache.noteRevision(6);
    await pass(5_000);
    expect(server.requests).toHaveLength(2);
    expect(cache.status().revision).toBe(6);
  });

  it('takes a hint once where the feed names no revision', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass } = create({ url: server.url });
    await cache.refresh();
    for (let second = 0; second < 10; second += 1) {
      cache.noteRevision(6);
      await pass(1_000);
    }
    expect(server.requests).toHaveLength(2);
  });

  it('is ready when the first rules are there, and tells when none came', async () => {
    const server = await serve(() => undefined);
    const { cache, clock } = create({ url: server.url });
    const late = cache.ready(3_000);
    await clock.advance(3_000);
    expect(await late).toBe(false);
    const soon = cache.ready(60_000);
    server.answer = reply(204);
    await clock.advance(10_000);
    await until(() => clock.pending() > 0);
    await clock.advance(500);
    expect(await soon).toBe(true);
    expect(await cache.ready(0)).toBe(true);
  });

  it('is not ready, and does not wait, without credentials', async () => {
    const server = await serve(reply(204));
    const { cache, who } = create({ url: server.url });
    who.now = undefined;
    expect(await cache.ready(1e6)).toBe(false);
    expect(cache.status().state).toBe('unconfigured');
  });

  it('stops: forgets the rules, ends what is under way, and starts nothing again', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, clock } = create({ url: server.url });
    await cache.refresh();
    server.answer = () => undefined;
    const hanging = cache.refresh();
    const waiting = create({ url: server.url }).cache;
    const ready = waiting.ready(1e9);
    await until(() => server.requests.length === 3);
    await Promise.all([cache.stop(), cache.stop(), waiting.stop()]);
    expect(await hanging).toEqual({ kind: 'skipped', reason: 'stopped' });
    expect(await ready).toBe(false);
    expect(cache.current()).toBeUndefined();
    cache.start();
    cache.noteRevision(99);
    expect(await cache.refresh()).toEqual({ kind: 'skipped', reason: 'stopped' });
    expect(cache.status()).toMatchObject({ state: 'stopped', source: 'none' });
    expect(clock.pending()).toBe(0);
    expect(server.requests).toHaveLength(3);
  });

  it('stopped right after its first rules, it still leaves them in the mirror for the next process', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fusewire-mirror-'));
    const server = await serve(reply(200, feedBody('kept')));
    const first = create({ url: server.url, cacheDir: directory });
    expect(await first.cache.ready(5_000)).toBe(true);
    await first.cache.stop();
    server.answer = reply(503);
    const second = create({ url: server.url, cacheDir: directory });
    second.cache.start();
    await until(() => second.cache.current() !== undefined);
    expect(second.verdict()).toBe('RULE_TRIPPED');
    await second.cache.stop();
    await rm(directory, { recursive: true });
  });

  it('I11: two instances in one process do not see each other', async () => {
    const one = await serve(reply(200, feedBody('of one')));
    const two = await serve(reply(204));
    const first = create({ url: one.url, teamId: 'one' });
    const second = create({ url: two.url, teamId: 'two' });
    await Promise.all([first.cache.refresh(), second.cache.refresh()]);
    expect([first.verdict(), second.verdict()]).toEqual(['RULE_TRIPPED', 'ALLOWED']);
    await first.cache.stop();
    expect(second.verdict()).toBe('ALLOWED');
    expect(second.cache.status().state).toBe('polling');
  });
});
