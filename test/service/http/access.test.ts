import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashKey, isSameHash, looksLikeKey, randomSecret } from '../../../service/admin/keys.js';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

describe.each(STORES)('keys and access, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  it('tells a missing, a malformed, an unknown and a revoked key apart and never repeats one', async () => {
    const path = `/v2/api/ai/enforcement-rules/${service.team.id}`;
    const unknown = `rev_mk_${service.team.id}_${randomSecret()}`;
    const revoked = (await service.store.listKeys(service.team.id)).find(({ scope }) => scope === 'metering')!;
    await service.store.revokeKey(revoked.id);
    const cases = [
      [null, 'missing_api_key'],
      ['', 'missing_api_key'],
      ['hak_0123456789abcdef', 'malformed_api_key'],
      ['rev_mk_short', 'malformed_api_key'],
      [`rev_xx_${service.team.id}_${randomSecret()}`, 'malformed_api_key'],
      [unknown, 'unknown_api_key'],
      [`${service.keys.write}x`, 'unknown_api_key'],
      [service.keys.metering, 'revoked_api_key'],
    ] as const;
    for (const [key, code] of cases) {
      const got = await service.ask({ path, key });
      expect([got.status, got.json.error], String(key)).toEqual([401, code]);
      if (key !== null && key !== '') expect(got.text).not.toContain(key.slice(8));
    }
    const bearer = await service.ask({ path, key: null, headers: { authorization: `Bearer ${service.keys.write}` } });
    expect([bearer.status, bearer.json.message]).toEqual([401, expect.stringContaining('x-api-key')]);
  });

  it('lets a metering key meter and read rules, and nothing else', async () => {
    const { metering } = service.keys;
    const id = service.team.id;
    const allowed = [
      { path: '/meter/v2/ai/completions', json: usageEvent() },
      { path: `/v2/api/ai/enforcement-rules/${id}` },
      { path: '/v2/api/teams?tenantId=t' },
      { path: `/v2/api/sources/metrics/ai/completions?teamId=${id}` },
    ];
    for (const ask of allowed)
      expect((await service.ask({ ...ask, key: metering })).status, ask.path).toBeLessThan(300);
    const refused = [
      { path: '/v2/api/ai/cost-controls' },
      { path: '/v2/api/ai/cost-controls', json: {} },
      { path: '/v2/api/ai/cost-controls/x' },
      { path: '/v2/api/ai/cost-controls/x', method: 'PATCH' as const, json: {} },
      { path: '/v2/api/ai/cost-controls/x', method: 'DELETE' as const },
      { path: `/v2/api/ai/enforcement-events?teamId=${id}` },
      { path: '/v2/api/fusewire/prices' },
      { path: '/v2/api/fusewire/prices', json: {} },
    ];
    for (const ask of refused) {
      const got = await service.ask({ ...ask, key: metering });
      expect([got.status, got.json.error], ask.path).toEqual([403, 'forbidden']);
    }
  });

  it('refuses the path, the query and the body of another team', async () => {
    const foreign = service.other.id;
    const asks = [
      { path: `/v2/api/ai/enforcement-rules/${foreign}` },
      { path: `/v2/api/ai/cost-controls?teamId=${foreign}` },
      {
        path: '/v2/api/ai/cost-controls',
        json: { teamId: foreign, name: 'n', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1 },
      },
      { path: `/v2/api/ai/enforcement-events?teamId=${foreign}` },
      { path: `/v2/api/sources/metrics/ai/completions?teamId=${foreign}` },
      { path: `/meter/v2/ai/completions?teamId=${foreign}`, json: usageEvent() },
      { path: `/v2/api/fusewire/prices?teamId=${foreign}` },
    ];
    for (const ask of asks) {
      const got = await service.ask(ask);
      expect([got.status, got.json.error], ask.path).toEqual([403, 'forbidden']);
      expect(got.json.message).toContain(service.team.id);
    }
  });

  it('reaches no route without a key, but for those that are declared public', async () => {
    const paths = Object.entries((await service.ask({ path: '/openapi.json', key: null })).json.paths);
    const open: string[] = [];
    for (const [path, operations] of paths) {
      for (const method of Object.keys(operations as object)) {
        const verb = method.toUpperCase() as 'GET' | 'POST' | 'PATCH' | 'DELETE';
        const got = await service.ask({ path: path.replace(/\{\w+\}/g, 'x'), method: verb, key: null });
        if (got.status !== 401) open.push(path);
      }
    }
    expect(open.sort()).toEqual(['/health', '/healthz', '/ready', '/readyz']);
  });

  it('I12: keeps only the hash of a key, and logs neither keys nor credentials', async () => {
    const secret = 'sk-live-subscriber-secret-0042';
    const event = usageEvent({ subscriber: { id: 'u', credential: { name: 'svc', value: secret } } });
    await service.ask({ path: '/meter/v2/ai/completions', json: event });
    await service.ask({ path: '/meter/v2/ai/completions', json: { ...event, model: 7 } });
    await service.ask({ path: '/nowhere', key: service.keys.write });
    await service.ask({ path: '/v2/api/teams', key: `rev_mk_x_${'Q'.repeat(43)}` });
    for (const key of Object.values(service.keys)) {
      expect(service.logged()).not.toContain(key);
      const kept = await service.store.findKey(hashKey(key));
      expect(JSON.stringify(kept)).not.toContain(key);
    }
    expect(service.logged()).not.toContain('Q'.repeat(43));
    expect(service.logged()).not.toContain(secret);
    expect(service.logged()).toContain('/nowhere');
  });

  it('opens the local door for its token only', async () => {
    const path = '/admin/local/keys';
    const json = { command: 'list' };
    for (const headers of [
      {},
      { 'fusewire-admin-token': 'b'.repeat(64) },
      { 'x-forwarded-for': '1.2.3.4', 'fusewire-admin-token': 'a'.repeat(64) },
    ]) {
      expect((await service.ask({ path, json, headers: headers as Record<string, string> })).status).toBe(403);
    }
    const got = await service.ask({ path, json, key: null, headers: { 'fusewire-admin-token': 'a'.repeat(64) } });
    expect(got.status).toBe(200);
    expect(got.json.keys).toHaveLength(2);
    expect(got.text).not.toContain('hash');
  });
});

describe('a key', () => {
  it('has 43 characters of base 62 for its 32 random bytes, whatever they are', () => {
    expect(randomSecret(new Uint8Array(32))).toBe('0'.repeat(43));
    expect(randomSecret(new Uint8Array(32).fill(255))).toMatch(/^[0-9A-Za-z]{43}$/);
    expect(new Set(Array.from({ length: 200 }, () => randomSecret())).size).toBe(200);
    expect(looksLikeKey(`rev_sk_fwTeam_${randomSecret()}`)).toBe(true);
  });

  it('is compared by the whole of its hash', () => {
    const hash = hashKey('one');
    expect(isSameHash(hash, hash)).toBe(true);
    expect(isSameHash(hash, hashKey('other'))).toBe(false);
    expect(isSameHash('', '')).toBe(false);
    expect(isSameHash(hash, hash.slice(2))).toBe(false);
  });
});
