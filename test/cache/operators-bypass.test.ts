import { describe, expect, it } from 'vitest';
import { createBypassSwitch } from '../../cache/bypass-switch.js';
import { readBypass } from '../../src/wire/feed-bypass.js';
import { caches } from './support/cache-under-test.js';
import { fakeRuntime } from './support/fake-runtime.js';
import { feedBody, feedServers, reply } from './support/feed-server.js';
import { temporaryDirectories } from './support/temporary-directory.js';

const serve = feedServers();
const create = caches();
const directory = temporaryDirectories();
const HOUR = 3_600_000;
const START = Date.parse('2026-11-20T10:00:00Z');
const bypassUntil = (until: string) => ({ bypass: { until, reason: 'incident 12', by: 'ops@example.org' } });

describe('the member bypass', () => {
  it.each([
    [undefined, 'none'],
    [null, 'none'],
    [{ until: '2026-11-20T12:00:00Z' }, { untilMs: START + 2 * HOUR }],
    [
      { until: '2026-11-20T12:00:00Z', reason: 'r', by: 'b', since: '2026-11-20T10:00:00Z', more: 1 },
      { untilMs: START + 2 * HOUR, reason: 'r', by: 'b', sinceMs: START },
    ],
    [{ until: '2026-11-20T12:00:00Z', reason: 7, by: '' }, { untilMs: START + 2 * HOUR }],
    [{}, 'malformed'],
    [{ until: 'tomorrow' }, 'malformed'],
    [{ until: null }, 'malformed'],
    [{ until: 1e99 }, 'malformed'],
    [true, 'malformed'],
    [[], 'malformed'],
  ])('%j is %j', (raw, reading) => {
    expect(readBypass(raw)).toEqual(reading);
  });
});

describe("the operators' bypass in the switch", () => {
  it('is on until its end by the wall clock, and says each once, with who decided it and why', async () => {
    const { runtime, clock } = fakeRuntime(START);
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    bypass.setOperators({ untilMs: START + HOUR, reason: 'incident 12', by: 'ops@example.org' });
    bypass.setOperators({ untilMs: START + HOUR, reason: 'incident 12', by: 'ops@example.org' });
    expect(bypass.isOn()).toBe(true);
    await clock.advance(HOUR - 1);
    expect(bypass.isOn()).toBe(true);
    expect(runtime.lines).toHaveLength(1);
    expect(runtime.lines[0]).toContain('operators');
    expect(runtime.lines[0]).toContain('2026-11-20T11:00:00.000Z (incident 12)');
    expect(runtime.lines[0]).not.toContain('ops@example.org');
    await clock.advance(1);
    // Without any call.
    expect(runtime.lines).toHaveLength(2);
    expect(bypass.isOn()).toBe(false);
    expect(clock.pending()).toBe(0);
  });

  it('ends early where the feed says so, and one that is over already never begins', () => {
    const { runtime, clock } = fakeRuntime(START);
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    bypass.setOperators({ untilMs: START });
    expect(bypass.isOn()).toBe(false);
    expect(runtime.lines).toEqual([]);
    bypass.setOperators({ untilMs: START + HOUR });
    bypass.setOperators(undefined);
    expect(bypass.isOn()).toBe(false);
    expect(clock.pending()).toBe(0);
  });

  it('I9: a wall clock that jumps over the end ends it with the next call, and within a minute without one', async () => {
    const { runtime, clock } = fakeRuntime(START);
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    bypass.setOperators({ untilMs: START + 24 * HOUR });
    clock.jump(START + 25 * HOUR);
    expect(bypass.isOn()).toBe(false);
    bypass.setOperators({ untilMs: START + 48 * HOUR });
    clock.jump(START + 49 * HOUR);
    await clock.advance(60_000);
    expect(runtime.lines.at(-1)).toContain('the bypass is over');
  });

  it('leaves the other switches alone, and does nothing after stop', () => {
    const { runtime, clock } = fakeRuntime(START);
    const bypass = createBypassSwitch({ runtime, fromEnvironment: false });
    bypass.set(true);
    bypass.setOperators({ untilMs: START + HOUR });
    bypass.setOperators(undefined);
    expect(bypass.isOn()).toBe(true);
    bypass.stop();
    bypass.setOperators({ untilMs: START + HOUR });
    expect(clock.pending()).toBe(0);
  });
});

describe("the operators' bypass in the cache", () => {
  it('is told with the rules it came with, shown in the status, and gone with a feed without it', async () => {
    const server = await serve(reply(200, feedBody('a', bypassUntil('2026-11-20T12:00:00Z'))));
    const { cache, told } = create({ url: server.url });
    await cache.refresh();
    expect(told.bypass).toEqual({ untilMs: START + 2 * HOUR, reason: 'incident 12', by: 'ops@example.org' });
    expect(cache.status().bypass).toEqual(told.bypass);
    server.answer = reply(200, feedBody('a'));
    await cache.refresh();
    expect(told.bypass).toBeUndefined();
    expect(cache.status().bypass).toBeUndefined();
  });

  it('I8: a malformed one is ignored and counted; the rules count', async () => {
    const server = await serve(reply(200, feedBody('a', { bypass: { until: 'the end' } })));
    const { cache, told, verdict } = create({ url: server.url });
    await cache.refresh();
    expect(told.bypass).toBeUndefined();
    expect(verdict()).toBe('RULE_TRIPPED');
    expect(cache.status().counters.malformedBypasses).toBe(1);
  });

  it('is carried by the mirror, to the process that starts while the service is away', async () => {
    const cacheDir = directory();
    const server = await serve(reply(200, feedBody('a', bypassUntil('2026-11-20T12:00:00Z'))));
    const first = create({ url: server.url, cacheDir });
    await first.cache.refresh();
    await first.cache.stop();
    expect(first.told.bypass).toBeUndefined();
    server.answer = reply(503);
    const next = create({ url: server.url, cacheDir });
    expect(next.verdict()).toBe('RULE_TRIPPED');
    expect(next.told.bypass).toEqual({ untilMs: START + 2 * HOUR, reason: 'incident 12', by: 'ops@example.org' });
  });
});
