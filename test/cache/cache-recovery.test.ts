import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { Capabilities } from '../../cache/capabilities.js';
import { createEnforcementCache } from '../../cache/enforcement-cache.js';
import { FeedAddress } from '../../cache/feed-address.js';
import { FeedAsker } from '../../cache/feed-asker.js';
import { FeedRefresher } from '../../cache/feed-refresher.js';
import { RuleCache } from '../../cache/rule-cache.js';
import { StatusBook } from '../../cache/status.js';
import { caches, MINUTE } from './support/cache-under-test.js';
import { fakeRuntime, realRuntime } from './support/fake-runtime.js';
import { type Answer, feedBody, feedServers, reply } from './support/feed-server.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const serve = feedServers();
const create = caches();
const directory = temporaryDirectories();
const HOUR = 60 * MINUTE;

describe('what goes wrong, and what becomes of it', () => {
  it('tries five times in one refresh, warns once, and keeps the rules', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass, verdict, runtime } = create({ url: server.url, pollIntervalMs: HOUR });
    await cache.refresh();
    server.answer = reply(503);
    const refresh = cache.refresh();
    await pass(7_500);
    expect(await refresh).toEqual({ kind: 'failed', reason: 'HTTP 503' });
    expect(server.requests).toHaveLength(6);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(runtime.lines.filter((line) => line.startsWith('warn'))).toEqual([
      'warn the rules could not be refreshed; those in force stay: HTTP 503',
    ]);
  });

  it('keeps to a cool-down: neither polls nor reads nor the program ask before it is over', async () => {
    const server = await serve(reply(200, feedBody('a', { revision: 1 })));
    const { cache, clock, pass, verdict } = create({ url: server.url });
    await cache.refresh();
    server.answer = reply(429, '', { 'retry-after': '200' });
    expect(await cache.refresh()).toEqual({ kind: 'failed', reason: 'HTTP 429' });
    expect(cache.status().coolDownUntilMs).toBe(clock.now() + 200_000);
    server.answer = reply(200, feedBody('b', { revision: 2 }));
    for (let second = 0; second < 199; second += 1) {
      await pass(1_000, 1_000);
      cache.noteRevision(2);
      verdict();
      expect(await cache.refresh()).toEqual({ kind: 'skipped', reason: 'cool-down' });
    }
    expect(server.requests).toHaveLength(2);
    await pass(10_000);
    expect(server.requests).toHaveLength(3);
    expect(cache.status()).toMatchObject({ revision: 2, coolDownUntilMs: undefined, counters: { coolDowns: 1 } });
  });

  it('does not shorten a cool-down by a later, shorter one', async () => {
    const { runtime } = fakeRuntime();
    const agent = new MockAgent();
    agent.disableNetConnect();
    for (const seconds of ['250', '100']) {
      const path = '/v2/api/ai/enforcement-rules/t';
      agent
        .get('https://api.example.org')
        .intercept({ path })
        .reply(503, '', { headers: { 'retry-after': seconds } });
    }
    const book = new StatusBook(runtime);
    const refresher = new FeedRefresher({
      runtime,
      credentials: () => ({ apiKey: 'k', teamId: 't' }),
      origin: 'https://api.example.org',
      asker: new FeedAsker({
        runtime,
        address: new FeedAddress(new URL('https://api.example.org')),
        dispatcher: async () => agent,
        userAgent: 'u',
        capabilities: new Capabilities(runtime),
        book,
      }),
      rules: new RuleCache(runtime, () => undefined),
      mirror: undefined,
      book,
      pollIntervalMs: MINUTE,
      onActivated: () => undefined,
      onBypass: () => undefined,
    });
    const signal = new AbortController().signal;
    await Promise.all([refresher.refresh(signal), refresher.refresh(signal)]);
    agent.assertNoPendingInterceptors();
    expect(refresher.coolDownLeftMs()).toBe(250_000);
    await agent.close();
  });

  it('I9: 401 for an hour, then the key is good again: no restart, no hands', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass, verdict, runtime } = create({ url: server.url });
    await cache.refresh();
    server.answer = reply(401, '{"error":"unknown key"}');
    await pass(HOUR, 5_000);
    expect(server.requests.length).toBeGreaterThanOrEqual(60);
    expect(server.requests.length).toBeLessThanOrEqual(62);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status().lastError?.reason).toBe('HTTP 401');
    server.answer = reply(204);
    await pass(MINUTE);
    expect(verdict()).toBe('ALLOWED');
    expect(runtime.lines.filter((line) => !line.startsWith('info'))).toHaveLength(1);
  });

  it('I9: a rotated key is used from the next poll on', async () => {
    const onlyKey =
      (key: string): Answer =>
      (request, response) =>
        (request.headers['x-api-key'] === key ? reply(200, feedBody(key)) : reply(401))(request, response);
    const server = await serve(onlyKey('rev_mk_T_first'));
    const { cache, pass, who } = create({ url: server.url });
    await cache.refresh();
    server.answer = onlyKey('rev_mk_T_second');
    await pass(2 * MINUTE);
    expect(cache.status().lastError?.reason).toBe('HTTP 401');
    who.now = { apiKey: 'rev_mk_T_second', teamId: 'k7PqWz' };
    await pass(MINUTE);
    expect(cache.status()).toMatchObject({ lastError: undefined, generation: 2 });
  });

  it('I9: a key that is set late is found within seconds; credentials that throw are missing ones', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass, who, verdict, runtime } = create({ url: server.url });
    who.now = undefined;
    Object.defineProperty(who, 'now', {
      configurable: true,
      get: () => {
        throw new Error('the vault is sealed');
      },
    });
    expect(verdict()).toBe('nothing loaded');
    await pass(3 * MINUTE, 5_000);
    expect(cache.status().state).toBe('unconfigured');
    expect(server.requests).toEqual([]);
    expect(runtime.lines).toHaveLength(1);
    Object.defineProperty(who, 'now', { value: { apiKey: 'rev_mk_T_first', teamId: 'k7PqWz' } });
    await pass(5_000);
    expect(verdict()).toBe('RULE_TRIPPED');
  });

  it('I11: drops the rules of the former team, with their ETag and revision, when the team changes', async () => {
    const server = await serve(reply(200, feedBody('of one', { revision: 50 }), { etag: '"one"' }));
    const { cache, who, verdict } = create({ url: server.url, teamId: 'one' });
    await cache.refresh();
    who.now = { apiKey: 'rev_mk_T_other', teamId: 'two' };
    server.answer = reply(400);
    await cache.refresh();
    expect(verdict()).toBe('nothing loaded');
    server.answer = reply(200, feedBody('of two', { revision: 3 }));
    expect(await cache.refresh()).toEqual({ kind: 'activated', generation: 2, revision: 3 });
    expect(server.requests.map(({ url }) => url.split('/').at(-1))).toEqual(['one', 'two', 'two']);
    expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined, undefined]);
  });

  it('I13: ten hours of outage change no verdict before its window ends, and none lasts longer', async () => {
    const windowEnd = Date.parse('2026-11-20T18:00:00Z') / 1000;
    const body = JSON.parse(feedBody('until six')) as { rules: Record<string, unknown>[] };
    body.rules[0]!['windowEnd'] = windowEnd;
    const server = await serve(reply(200, JSON.stringify(body)));
    const { cache, clock, pass, verdict } = create({ url: server.url });
    await cache.refresh();
    const loaded = cache.current();
    server.answer = (_request, response) => void response.destroy();
    for (let hour = 10; hour < 20; hour += 1) {
      expect(new Date(clock.now()).getUTCHours()).toBe(hour);
      expect(verdict()).toBe(hour < 18 ? 'RULE_TRIPPED' : 'ALLOWED');
      expect(cache.current()).toBe(loaded);
      await pass(HOUR, 5_000);
    }
    expect(cache.status().counters.failures).toBeGreaterThan(500);
    server.answer = reply(200, feedBody('next day'));
    await pass(2 * MINUTE);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.current()?.generation).toBeGreaterThan(1);
  }, 60_000);

  it('wakes the poller when rules grow stale between two polls, once', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, pass, verdict } = create({ url: server.url, pollIntervalMs: HOUR });
    await cache.refresh();
    await pass(120_000, 10_000);
    verdict();
    await pass(1_000);
    expect(server.requests).toHaveLength(1);
    for (let check = 0; check < 100; check += 1) expect(verdict()).toBe('RULE_TRIPPED');
    await pass(1_000);
    expect(server.requests).toHaveLength(2);
    expect(cache.status().generation).toBe(2);
  });

  it('I9: survives a wall clock that jumps by years either way', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, clock, pass } = create({ url: server.url });
    await cache.refresh();
    for (const at of ['1999-01-01T00:00:00Z', '2050-01-01T00:00:00Z']) {
      clock.jump(Date.parse(at));
      await pass(MINUTE);
      expect(cache.status().lastSuccessMs).toBe(clock.now());
    }
    expect(server.requests).toHaveLength(3);
  });

  it('I2: a logger that throws, and a mirror that cannot be, harm nothing', async () => {
    const server = await serve(reply(200, feedBody('a')));
    const place = join(directory(), 'file');
    writeFileSync(place, '');
    const broken = () => {
      throw new Error('no log');
    };
    const log = { debug: broken, info: broken, warn: broken, error: broken, isDebug: () => false };
    const cache = createEnforcementCache({
      runtime: realRuntime({ log }),
      credentials: () => ({ apiKey: 'k', teamId: 't' }),
      baseUrl: server.url,
      pollIntervalMs: MINUTE,
      cacheDir: place,
    });
    expect(() => cache.current()).not.toThrow();
    await expect(cache.refresh()).resolves.toBeDefined();
    expect(cache.current()).toBeDefined();
    await cache.stop();
  });
});
