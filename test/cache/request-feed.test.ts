import { MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { BODY_BYTES_MAX, createFeedDispatcher, requestFeed } from '../../cache/request-feed.js';
import { fakeRuntime, realRuntime } from './support/fake-runtime.js';
import { type Answer, feedServers, reply } from './support/feed-server.js';

const serve = feedServers();
const PATH = '/v2/api/ai/enforcement-rules/k7PqWz';

async function ask(answer: Answer, over: { etag?: string; apiKey?: string } = {}) {
  const server = await serve(answer);
  const dispatcher = await createFeedDispatcher(server.url);
  const request = {
    origin: server.url,
    path: PATH,
    apiKey: over.apiKey ?? 'rev_mk_T_1',
    userAgent: 'fusewire/9.9.9',
    etag: over.etag,
    signal: new AbortController().signal,
  };
  const { runtime } = fakeRuntime(Date.parse('2026-11-20T10:00:00Z'));
  const result = await requestFeed(request, dispatcher, runtime);
  await dispatcher.destroy();
  return { result, requests: server.requests };
}

describe('one request for the feed', () => {
  it('carries the key, what it accepts and who asks, and nothing of ours', async () => {
    const { requests } = await ask(reply(204), { etag: '"5"' });
    expect(requests).toHaveLength(1);
    expect(requests[0]!.url).toBe(PATH);
    expect(requests[0]!.headers).toMatchObject({
      'x-api-key': 'rev_mk_T_1',
      accept: 'application/json',
      'user-agent': 'fusewire/9.9.9',
      'if-none-match': '"5"',
    });
    for (const name of ['fusewire-capabilities', 'a-im', 'accept-encoding']) {
      expect(requests[0]!.headers).not.toHaveProperty(name);
    }
  });

  it('hands over the body, its ETag and its revision, without a byte order mark and over any chunk boundary', async () => {
    const text = Buffer.from('\ufeff{"rules":[],"name":"é😀"}');
    const { result } = await ask(async (_request, response) => {
      response.writeHead(200, { etag: 'W/"x"', 'fusewire-revision': '12' });
      for (const byte of text) response.write(Buffer.of(byte));
      response.end();
    });
    expect(result).toEqual({
      kind: 'body',
      status: 200,
      parts: ['{"rules":[],"name":"é😀"}'],
      etag: 'W/"x"',
      revision: 12,
      isWhole: false,
    });
  });

  it('hands over a large body in parts that add up to it', async () => {
    const body = JSON.stringify({ rules: Array.from({ length: 20_000 }, (_, ruleId) => ({ ruleId, name: 'é' })) });
    const { result } = await ask(reply(200, body));
    const parts = result.kind === 'body' ? result.parts : [];
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.join('')).toBe(body);
  });

  it.each([
    [408, 'retryable'],
    [429, 'retryable'],
    [500, 'retryable'],
    [502, 'retryable'],
    [503, 'retryable'],
    [599, 'retryable'],
    [201, 'rejected'],
    [206, 'rejected'],
    [400, 'rejected'],
    [401, 'rejected'],
    [403, 'rejected'],
    [404, 'rejected'],
    [410, 'rejected'],
    [422, 'rejected'],
  ])('takes status %d for %s', async (status, kind) => {
    const { result } = await ask(reply(status, 'x'.repeat(100_000)));
    expect(result).toMatchObject({ kind, reason: `HTTP ${status}` });
  });

  it('takes 304 for what it is only where it had sent an ETag', async () => {
    expect((await ask(reply(304), { etag: '"5"' })).result).toEqual({ kind: 'not-modified' });
    expect((await ask(reply(304))).result).toEqual({ kind: 'rejected', reason: 'HTTP 304', status: 304 });
  });

  it.each([
    ['9', 9_000],
    ['Fri, 20 Nov 2026 10:01:00 GMT', 60_000],
    ['later', undefined],
  ])('reads Retry-After %j', async (header, afterMs) => {
    const { result } = await ask(reply(503, '', { 'retry-after': header }));
    expect(result).toEqual({ kind: 'retryable', reason: 'HTTP 503', afterMs });
  });

  it('does not carry the key to the target of a redirect', async () => {
    const other = await serve(reply(204));
    const { result } = await ask(reply(302, '', { location: `${other.url}${PATH}` }));
    expect(result).toMatchObject({ kind: 'rejected', status: 302 });
    expect(other.requests).toEqual([]);
  });

  it('takes a connection that is refused, cut before the head, or cut in the body for a passing trouble', async () => {
    const cut = await ask((_request, response) => void response.destroy());
    expect(cut.result).toMatchObject({ kind: 'retryable' });
    const half = await ask((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"rules":');
      setImmediate(() => response.destroy());
    });
    expect(half.result).toMatchObject({ kind: 'retryable' });
    const dispatcher = await createFeedDispatcher('http://127.0.0.1:1');
    const request = { origin: 'http://127.0.0.1:1', path: PATH, apiKey: 'k', userAgent: 'u', etag: undefined };
    const signal = new AbortController().signal;
    expect(await requestFeed({ ...request, signal }, dispatcher, realRuntime())).toMatchObject({ kind: 'retryable' });
    await dispatcher.destroy();
  });

  it('refuses a key that no header can carry, without showing it', async () => {
    const { result, requests } = await ask(reply(204), { apiKey: 'rev_mk_T_se\ncret' });
    expect(result).toMatchObject({ kind: 'rejected', status: undefined });
    expect(JSON.stringify(result)).not.toContain('cret');
    expect(requests).toEqual([]);
  });

  it('I10: does not read a body beyond its limit', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    const { result } = await ask((_request, response) => {
      const push = () => {
        while (!response.destroyed && response.write(megabyte)) sent += 1;
        sent += 1;
      };
      response.writeHead(200).on('drain', push);
      push();
    });
    expect(result).toMatchObject({ kind: 'rejected', reason: `the body is larger than ${BODY_BYTES_MAX} bytes` });
    expect(sent).toBeLessThan(100);
  });

  it('gives up after 10 s of its own clock, also in the middle of a body', async () => {
    for (const answer of [
      () => undefined,
      ((_request, response) => void response.writeHead(200).write('{"rules":')) satisfies Answer,
    ]) {
      const server = await serve(answer);
      const dispatcher = await createFeedDispatcher(server.url);
      const { runtime, clock } = fakeRuntime();
      const signal = new AbortController().signal;
      const request = { origin: server.url, path: PATH, apiKey: 'k', userAgent: 'u', etag: undefined, signal };
      const asked = requestFeed(request, dispatcher, runtime);
      while (server.requests.length === 0) await clock.advance(0);
      await clock.advance(9_999);
      expect(clock.pending()).toBe(1);
      await clock.advance(1);
      expect(await asked).toEqual({ kind: 'retryable', reason: 'no answer within 10 s', afterMs: undefined });
      await dispatcher.destroy();
    }
  });

  it('ends at once when the poller stops', async () => {
    const server = await serve(() => undefined);
    const dispatcher = await createFeedDispatcher(server.url);
    const stopping = new AbortController();
    const request = { origin: server.url, path: PATH, apiKey: 'k', userAgent: 'u', etag: undefined };
    const asked = requestFeed({ ...request, signal: stopping.signal }, dispatcher, realRuntime());
    while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stopping.abort();
    expect(await asked).toEqual({ kind: 'rejected', reason: 'stopped', status: undefined });
    const late = await requestFeed({ ...request, signal: stopping.signal }, dispatcher, realRuntime());
    expect(late).toEqual({ kind: 'rejected', reason: 'stopped', status: undefined });
    expect(server.requests).toHaveLength(1);
    await dispatcher.destroy();
  });

  it('goes through whatever dispatcher it is given', async () => {
    const agent = new MockAgent();
    agent.disableNetConnect();
    agent
      .get('https://api.example.org')
      .intercept({ path: PATH })
      .reply(200, '[]', { headers: { etag: '"m"' } });
    const signal = new AbortController().signal;
    const request = { origin: 'https://api.example.org', path: PATH, apiKey: 'k', userAgent: 'u', etag: undefined };
    const result = await requestFeed({ ...request, signal }, agent, realRuntime());
    expect(result).toEqual({
      kind: 'body',
      status: 200,
      parts: ['[]'],
      etag: '"m"',
      revision: undefined,
      isWhole: false,
    });
    agent.assertNoPendingInterceptors();
    await agent.close();
  });
});
