import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createEnforcementCache, type EnforcementCache } from '../../cache/enforcement-cache.js';
import { decide } from '../../enforcement/decide.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { realRuntime, until } from './support/fake-runtime.js';
import { type Answer, feedBody, feedServers, reply } from './support/feed-server.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const serve = feedServers();
const directory = temporaryDirectories();
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function watch(url: string, teamId = 'k7PqWz', apiKey = 'rev_mk_T_1', cacheDir?: string) {
  const runtime = realRuntime();
  const cache: EnforcementCache = createEnforcementCache({
    runtime,
    credentials: () => ({ apiKey, teamId }),
    baseUrl: url,
    pollIntervalMs: 60_000,
    cacheDir,
  });
  closers.push(() => cache.stop());
  cache.start();
  const verdict = (call = {}) => {
    const loaded = cache.current();
    return loaded === undefined ? 'nothing loaded' : decide(loaded.ruleSet, call, runtime.now()).code;
  };
  return { cache, verdict, runtime };
}

async function fake(cacheDir?: string) {
  const service: FakeService = await startFakeService();
  closers.push(() => service.close());
  return { service, watch: () => watch(service.url, service.teamId, service.apiKey, cacheDir) };
}

const ANNOUNCED = { 'fusewire-capabilities': 'feed-revision, feed-wait, feed-whole, feed-delta' };
/** Seen by tests that wait for nothing to happen. */
const A_WHILE_MS = 300;
const aWhile = () => new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));

describe('a watched feed', () => {
  it('sends nothing of ours to a service that announces nothing, and polls at its interval', async () => {
    const { service, watch } = await fake();
    service.setCapabilities([]);
    service.setRules([{ name: 'Cap', breached: true }]);
    const { cache, verdict } = watch();
    await until(() => verdict() === 'RULE_TRIPPED');
    await cache.refresh();
    await cache.refresh();
    expect(service.requests).toHaveLength(3);
    for (const { path, headers } of service.requests) {
      expect(path).not.toContain('wait');
      for (const name of ['fusewire-capabilities', 'a-im', 'accept-encoding']) expect(headers).not.toHaveProperty(name);
    }
    expect(cache.status().counters).toMatchObject({ waits: 0, differences: 0, polls: 3 });
  });

  it('learns from the first answer, asks for the whole feed at once, then waits for changes', async () => {
    const { service, watch } = await fake();
    service.setRules([{ name: 'Cap', breached: true }]);
    const { cache, verdict } = watch();
    await until(() => service.requests.length === 3);
    const [first, second, third] = service.requests;
    expect(first!.headers).not.toHaveProperty('fusewire-capabilities');
    expect(second!.headers).toMatchObject({ 'fusewire-capabilities': 'feed-whole', 'accept-encoding': 'gzip' });
    // The ETag of the bounded feed is not that of the whole one.
    expect(second!.headers).not.toHaveProperty('if-none-match');
    expect(third!.path).toMatch(/\?wait=50$/);
    expect(third!.headers).toMatchObject({ 'a-im': 'fusewire-feed', 'if-none-match': '"2-whole"' });
    expect(verdict()).toBe('RULE_TRIPPED');
    await aWhile();
    expect(service.requests).toHaveLength(3);

    service.setRules([{ name: 'Cap', breached: false }]);
    await until(() => verdict() === 'ALLOWED');
    service.setRules([{ name: 'Cap', breached: true }]);
    await until(() => verdict() === 'RULE_TRIPPED');
    expect(cache.status()).toMatchObject({
      revision: 4,
      source: 'wire',
      ruleCount: 1,
      counters: { differences: 2, differencesRefused: 0, failures: 0 },
    });
  });

  it('waits on a team without rules, too', async () => {
    const { service, watch } = await fake();
    const { verdict } = watch();
    await until(() => service.requests.some(({ path }) => path.includes('wait=')));
    expect(verdict()).toBe('ALLOWED');
    service.setRules([{ name: 'Cap', breached: true }]);
    await until(() => verdict() === 'RULE_TRIPPED');
  });

  it('mirrors differences before it keeps their ETag, and the next process starts from them', async () => {
    const cacheDir = directory();
    const { service, watch: open } = await fake(cacheDir);
    const groups = (...breached: string[]) => [
      {
        name: 'Per user',
        groupBy: 'SUBSCRIBER',
        groupBreakdown: ['u-1', 'u-2'].map((groupValue) => ({ groupValue, breached: breached.includes(groupValue) })),
      },
    ];
    service.setRules(groups('u-1'));
    const { cache, verdict } = open();
    await until(() => cache.status().counters.waits > 0);
    service.setRules(groups('u-2'));
    await until(() => verdict({ subscriberId: 'u-2' }) === 'GROUP_TRIPPED');
    await until(() => cache.status().counters.waits > 1);
    expect(cache.status().counters.differences).toBe(1);
    await cache.stop();
    service.fail(503);
    const next = open();
    expect(next.verdict({ subscriberId: 'u-2' })).toBe('GROUP_TRIPPED');
    expect(next.verdict({ subscriberId: 'u-1' })).toBe('ALLOWED');
    expect(next.cache.status()).toMatchObject({ source: 'disk', revision: 3 });
  });

  it('I9: forgets it all when the service is replaced by one that announces nothing', async () => {
    const { service, watch } = await fake();
    service.setRules([{ name: 'Cap', breached: true }]);
    const { cache, verdict } = watch();
    await until(() => cache.status().counters.waits > 0);
    service.setCapabilities([]);
    service.setRules([{ name: 'Cap', breached: false }]);
    await until(() => verdict() === 'ALLOWED');
    await aWhile();
    const before = service.requests.length;
    await cache.refresh();
    const { headers, path } = service.requests.at(-1)!;
    expect(headers).not.toHaveProperty('fusewire-capabilities');
    expect(path).not.toContain('wait');
    expect(service.requests).toHaveLength(before + 1);
  });

  it('stops at once in the middle of a wait', async () => {
    const { service, watch } = await fake();
    const { cache } = watch();
    await until(() => service.requests.some(({ path }) => path.includes('wait=')));
    const began = performance.now();
    await cache.stop();
    expect(performance.now() - began).toBeLessThan(20_000);
    await aWhile();
    expect(service.requests.filter(({ path }) => path.includes('wait='))).toHaveLength(1);
  });

  it('a refresh that is asked for does not wait with the poll', async () => {
    const { service, watch } = await fake();
    const { cache } = watch();
    const waits = () => service.requests.filter(({ path }) => path.includes('wait=')).length;
    await until(() => waits() === 1);
    const began = performance.now();
    expect(await cache.refresh()).toEqual({ kind: 'not-modified' });
    expect(performance.now() - began).toBeLessThan(20_000);
    // And the watch goes on.
    await until(() => waits() === 2);
  });
});

/** A service that answers waits as it is told; everything else with `answer`. */
async function scripted(answer: Answer, wait: Answer) {
  const server = await serve((request, response) =>
    (request.url?.includes('wait=') ? wait : answer)(request, response),
  );
  return { server, waits: () => server.requests.filter(({ url }) => url.includes('wait=')).length };
}

const never: Answer = () => undefined;

describe('a watched feed behind a balancer', () => {
  it('a newer revision in passing ends a wait that does not answer it soon: another replica may know more', async () => {
    const { server, waits } = await scripted(
      reply(200, feedBody('a', { revision: 5 }), { ...ANNOUNCED, etag: '"5"' }),
      never,
    );
    const { cache } = watch(server.url);
    await until(() => waits() === 1);
    cache.noteRevision(5);
    await aWhile();
    expect(waits()).toBe(1);
    server.answer = (request, response) =>
      (request.url?.includes('wait=')
        ? never
        : reply(200, feedBody('b', { revision: 6 }), { ...ANNOUNCED, etag: '"6"' }))(request, response);
    cache.noteRevision(6);
    await until(() => cache.status().revision === 6);
    await until(() => waits() === 2);
    expect(cache.status().counters.failures).toBe(0);
  });

  it('is not flooded by hints that no replica can follow yet', async () => {
    const { server, waits } = await scripted(
      reply(200, feedBody('a', { revision: 5 }), { ...ANNOUNCED, etag: '"5"' }),
      never,
    );
    const { cache } = watch(server.url);
    await until(() => waits() === 1);
    const before = server.requests.length;
    cache.noteRevision(9);
    await aWhile();
    await aWhile();
    expect(server.requests.length - before).toBeLessThanOrEqual(4);
  });

  it('I10: a service that does not heed the wait is asked more and more seldom', async () => {
    const { server, waits } = await scripted(
      reply(200, feedBody('a'), { ...ANNOUNCED, etag: '"1"' }),
      reply(304, '', ANNOUNCED),
    );
    watch(server.url);
    await until(() => waits() === 1);
    await aWhile();
    await aWhile();
    expect(waits()).toBe(1);
  });

  it('a wait that is cut is no outage: it is asked once more, shorter, and the rules stay', async () => {
    const { server, waits } = await scripted(
      reply(200, feedBody('a'), { ...ANNOUNCED, etag: '"1"' }),
      (request) => void request.socket.destroy(),
    );
    const { cache, verdict } = watch(server.url);
    await until(() => waits() === 1);
    await until(() => waits() === 2);
    expect(server.requests.filter(({ url }) => url.includes('wait=')).map(({ url }) => url.split('=')[1])).toEqual([
      '50',
      '25',
    ]);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status().counters.failures).toBe(0);
  });
});

describe('a difference that does not fit', () => {
  const WHOLE = reply(200, JSON.stringify({ revision: 5, rules: [{ ruleId: 7, key: '7', breached: true }] }), {
    ...ANNOUNCED,
    etag: '"5"',
  });
  const difference = (body: string, headers: Record<string, string> = {}) =>
    reply(226, body, { ...ANNOUNCED, etag: '"6"', im: 'fusewire-feed', 'delta-base': '"5"', ...headers });
  const good = '{"revision":6,"steps":[{"rules":[{"ruleId":7,"key":"7","breached":false}]}]}';

  it.each([
    ['to another feed', difference(good, { 'delta-base': '"4"' })],
    ['to no feed at all', difference(good, { 'delta-base': '' })],
    ['with an unknown rule', difference('{"revision":6,"steps":[{"removed":["99"]}]}')],
    ['that is no JSON', difference('{"revision":6,"steps":[')],
  ])('I8: %s is refused and counted, and the whole feed is fetched at once', async (_what, odd) => {
    const { server, waits } = await scripted(WHOLE, odd);
    const { cache, verdict } = watch(server.url);
    await until(() => cache.status().counters.differencesRefused > 0);
    server.answer = (request, response) => (request.url?.includes('wait=') ? never : WHOLE)(request, response);
    await until(() => cache.status().counters.waits > waits() - 1);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status().counters).toMatchObject({ differences: 0, failures: 0 });
    const afterOdd = server.requests.findIndex(({ url }) => url.includes('wait=')) + 1;
    await until(() => server.requests.length > afterOdd);
    expect(server.requests[afterOdd]!.headers).not.toHaveProperty('if-none-match');
    expect(server.requests[afterOdd]!.url).not.toContain('wait');
  });

  it('I8: an older one is refused, and the rules in force stay', async () => {
    const { server } = await scripted(WHOLE, difference('{"revision":4,"steps":[{"removed":["7"]}]}'));
    const { cache, verdict } = watch(server.url);
    await until(() => cache.status().counters.olderRevisions > 0);
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status()).toMatchObject({ revision: 5, counters: { differences: 0 } });
  });
});

describe('a compressed feed', () => {
  it('is unpacked, in large parts as in small ones', async () => {
    const rules = Array.from({ length: 20_000 }, (_, i) => ({ ruleId: i + 1, key: String(i + 1), breached: i === 7 }));
    const packed = gzipSync(JSON.stringify({ revision: 1, rules }));
    const server = await serve((_request, response) => {
      response.writeHead(200, { ...ANNOUNCED, etag: '"1"', 'content-encoding': 'gzip' });
      for (let at = 0; at < packed.length; at += 1_000) response.write(packed.subarray(at, at + 1_000));
      response.end();
    });
    const { cache, verdict } = watch(server.url);
    await until(() => verdict() === 'RULE_TRIPPED');
    expect(cache.status().ruleCount).toBe(20_000);
  });

  it.each([
    ['a bomb', gzipSync(Buffer.alloc(80 * 1024 * 1024)), 'gzip', /larger than/],
    ['half a body', gzipSync('{"rules":[]}').subarray(0, 15), 'gzip', /cannot be unpacked|no connection/],
    ['no gzip at all', Buffer.from('{"rules":[]}'), 'gzip', /cannot be unpacked/],
    ['another encoding', Buffer.from('{"rules":[]}'), 'br', /not asked for/],
  ])('I10: %s is refused, and the last good rules stay', async (_what, body, encoding, reason) => {
    const server = await serve(reply(200, feedBody('a')));
    const { cache, verdict } = watch(server.url);
    await until(() => verdict() === 'RULE_TRIPPED');
    server.answer = (_request, response) => void response.writeHead(200, { 'content-encoding': encoding }).end(body);
    const result = await cache.refresh();
    expect(result).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) });
    expect(verdict()).toBe('RULE_TRIPPED');
  });
});
