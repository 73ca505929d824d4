import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TokenBuckets } from '../../../service/http/rate-limit.js';
import { requestIdOf } from '../../../service/http/request-id.js';
import { StoreError } from '../../../service/store/store-error.js';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { openTestStore } from '../../helpers/stores.js';
import { handClock } from '../store-support.js';

const COMPLETIONS = '/meter/v2/ai/completions';
const REQUESTS = '/v2/api/fusewire/requests';

describe('operating the service over HTTP', () => {
  let service: ServiceFixture;
  const clock = handClock();
  beforeEach(async () => {
    service = await openServiceFixture(openTestStore, {
      runtime: clock.runtime,
      config: { rateLimits: { keyPerSecond: 5, wrongKeysPerSecond: 3 }, headersLimitMs: 300, headerBytesMax: 4_096 },
    });
  });
  afterEach(() => service.close());

  it('names every request: by the id that the caller sent where it is sound, else by a new one', async () => {
    const named = await service.ask({ path: '/healthz', key: null, headers: { 'x-request-id': 'deploy-17:a.b' } });
    expect(named.headers['x-request-id']).toBe('deploy-17:a.b');
    for (const bad of ['', 'a b', 'x'.repeat(129), 'a"b']) {
      expect(requestIdOf({ headers: { 'x-request-id': bad } }, () => 'new')).toBe('new');
    }
    const fresh = await service.ask({ path: '/v2/api/teams' });
    expect(fresh.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(service.logged()).toContain(String(fresh.headers['x-request-id']));
  });

  it('is ready while its store takes a write; many probes are one write', async () => {
    let probes = 0;
    const probe = service.store.probeWrite;
    Object.assign(service.store, {
      probeWrite: () => {
        probes += 1;
        return probe();
      },
    });
    for (let i = 0; i < 5; i += 1) expect((await service.ask({ path: '/readyz', key: null })).status).toBe(200);
    expect(probes).toBe(1);
    Object.assign(service.store, { probeWrite: () => Promise.reject(new StoreError('UNAVAILABLE', 'disk full')) });
    expect((await service.ask({ path: '/readyz', key: null })).status).toBe(200);
    clock.advance(1_001);
    const failed = await service.ask({ path: '/readyz', key: null });
    expect([failed.status, failed.headers['retry-after']]).toEqual([503, '2']);
    expect(failed.text).not.toContain('disk');
    expect((await service.ask({ path: '/healthz', key: null })).json).toEqual({ status: 'ok' });
  });

  it('I10: a key that asks more often than it may is told when to come back, alone, and may go on then', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 12; i += 1) statuses.push((await service.ask({ path: '/v2/api/teams' })).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    const refused = await service.ask({ path: '/v2/api/teams' });
    expect([refused.status, refused.json.error, refused.headers['retry-after']]).toEqual([429, 'rate_limited', '1']);
    expect((await service.ask({ path: '/v2/api/teams', key: service.keys.metering })).status).toBe(200);
    expect((await service.ask({ path: '/v2/api/teams', key: service.otherKeys.write })).status).toBe(200);
    clock.advance(200);
    expect((await service.ask({ path: '/v2/api/teams' })).status).toBe(200);
    expect((await service.ask({ path: '/v2/api/teams' })).status).toBe(429);
  });

  it('I10: an address that tries wrong keys is told to wait before the next is looked up; a wait makes it free again', async () => {
    const guess = (i: number) =>
      service.ask({ path: '/v2/api/teams', key: `rev_mk_fwguess_${String(i).padStart(43, '0')}` });
    for (let i = 0; i < 6; i += 1) expect((await guess(i)).status).toBe(401);
    let looked = 0;
    const find = service.store.findKey;
    Object.assign(service.store, {
      findKey: (hash: string) => {
        looked += 1;
        return find(hash);
      },
    });
    expect((await guess(7)).status).toBe(429);
    expect(looked).toBe(0);
    clock.advance(1_000);
    expect((await guess(8)).status).toBe(401);
  });

  it('keeps an audit trail of each key: what changed or was refused one by one, everything by count', async () => {
    await service.ask({ path: COMPLETIONS, json: usageEvent(), key: service.keys.metering });
    await service.ask({ path: COMPLETIONS, json: usageEvent(), key: service.keys.metering });
    await service.ask({ path: COMPLETIONS, json: { model: 5 }, key: service.keys.metering });
    const refused = await service.ask({ path: '/v2/api/ai/cost-controls', key: service.keys.metering });
    expect(refused.status).toBe(403);
    const metering = (await service.store.listKeys(service.team.id)).find(({ scope }) => scope === 'metering')!;
    await service.store.revokeKey(metering.id);
    await service.ask({
      path: COMPLETIONS,
      json: usageEvent(),
      key: service.keys.metering,
      headers: { 'x-request-id': 'r-9' },
    });
    await flushed(service, clock);
    const got = await service.ask({
      path: `${REQUESTS}?refused=true&keyId=${metering.id}&until=2999-01-01T00:00:00Z&since=2000-01-01T00:00:00Z`,
    });
    const rows = got.json._embedded.objectList as { status: number; code: string; requestId: string; route: string }[];
    expect(rows.map(({ status, code }) => `${status} ${code}`).sort()).toEqual([
      '400 validation_failed',
      '401 revoked_api_key',
      '403 forbidden',
    ]);
    expect(rows.find(({ status }) => status === 401)).toMatchObject({ requestId: 'r-9', route: COMPLETIONS });
    const { json } = await service.ask({
      path: `${REQUESTS}/counts?since=2000-01-01T00:00:00Z&until=2999-01-01T00:00:00Z`,
    });
    const times = (json.counts as { status: number; times: number; route: string }[])
      .filter(({ route }) => route === COMPLETIONS)
      .map(({ status, times }) => `${status}×${times}`);
    expect(times.sort()).toEqual(['201×2', '400×1', '401×1']);
    const foreign = await service.ask({ path: REQUESTS, key: service.otherKeys.write });
    expect(foreign.json.page.totalElements).toBe(0);
    expect(got.text + JSON.stringify(json)).not.toContain(service.keys.metering);
  });

  it('refuses a range that is none', async () => {
    const reversed = await service.ask({ path: `${REQUESTS}?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z` });
    expect([reversed.status, reversed.json.since]).toEqual([400, 'must not be after until']);
    expect((await service.ask({ path: `${REQUESTS}?since=yesterday` })).status).toBe(400);
  });

  it('gives Prometheus its counters without naming a team, a key or a model', async () => {
    await service.ask({ path: COMPLETIONS, json: usageEvent(), key: service.keys.metering });
    await service.ask({ path: '/v2/api/ai/cost-controls', key: null });
    const { status, text } = await service.ask({ path: '/metrics', key: null });
    expect(status).toBe(200);
    expect(text).toContain(
      `fusewire_http_request_duration_seconds_count{route="${COMPLETIONS}",method="POST",status="2xx"} 1`,
    );
    expect(text).toContain('fusewire_http_refused_total{code="missing_api_key"} 1');
    expect(text).toContain('fusewire_events_total{outcome="stored"} 1');
    for (const secret of [service.team.id, service.keys.metering, 'gpt-4o-mini']) expect(text).not.toContain(secret);
    const proxied = await service.ask({ path: '/metrics', key: null, headers: { 'x-forwarded-for': '203.0.113.9' } });
    expect(proxied.status).toBe(401);
    const keyed = { path: '/metrics', headers: { 'x-forwarded-for': '203.0.113.9' } };
    expect((await service.ask(keyed)).status).toBe(200);
    expect((await service.ask({ ...keyed, key: service.keys.metering })).status).toBe(403);
  });

  it('I10: hangs up on a client that does not finish its head, and refuses a head that is too large', async () => {
    const { port } = new URL(service.url);
    const slow = connect(Number(port), '127.0.0.1');
    slow.write('GET /healthz HTTP/1.1\r\nHost: x\r\n');
    const ended = await new Promise<string>((resolve) => {
      let text = '';
      slow.on('data', (chunk) => {
        text += String(chunk);
      });
      slow.on('close', () => resolve(text));
      slow.on('error', () => undefined);
    });
    expect(ended).toMatch(/^HTTP\/1\.1 408 /);
    const large = await service.ask({ path: '/healthz', key: null, headers: { 'x-large': 'a'.repeat(5_000) } });
    expect(large.status).toBe(431);
  });
});

describe('token buckets', () => {
  it('let through at most the burst and then the rate, whatever the pattern, and forget the longest unused', () => {
    const clock = handClock();
    const buckets = new TokenBuckets(clock.runtime, 10);
    let passed = 0;
    for (let ms = 0; ms < 5_000; ms += 7) {
      if (buckets.take('a') === 0) passed += 1;
      clock.advance(7);
    }
    expect(passed).toBeGreaterThanOrEqual(69);
    expect(passed).toBeLessThanOrEqual(70);
    let wait = 0;
    while (wait === 0) wait = buckets.take('a');
    clock.advance(wait);
    expect(buckets.take('a')).toBe(0);
    for (let i = 0; i < 10_000; i += 1) buckets.take(`other-${i}`);
    expect(buckets.take('a')).toBe(0);
    expect(new TokenBuckets(clock.runtime, 0).take('a')).toBe(0);
  });
});

/** Until the recorder has written what it collected. */
async function flushed(service: ServiceFixture, clock: { advance(ms: number): void }): Promise<void> {
  const counted = async () => {
    // The key's rate goes by this clock.
    clock.advance(1_000);
    const got = await service.ask({ path: `${REQUESTS}/counts?since=2000-01-01T00:00:00Z&until=2999-01-01T00:00:00Z` });
    return got.json.counts.length as number;
  };
  await expect.poll(counted, { timeout: 8_000 }).toBeGreaterThanOrEqual(4);
}
