import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { looksLikeGatewayKey, newGatewayKey } from '../../../service/admin/gateway-keys.js';
import { hashKey, looksLikeKey } from '../../../service/admin/keys.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { handClock } from '../store-support.js';

const CUSTOMERS = '/v2/api/customers';
const KEYS = '/v2/api/gateway-keys';
const NOW = Date.UTC(2026, 10, 21, 12);

describe.each(STORES)('customers of the gateway over the API, $name', ({ open }) => {
  let service: ServiceFixture;
  let clock: ReturnType<typeof handClock>;
  beforeEach(async () => {
    clock = handClock(NOW);
    service = await openServiceFixture(open, { runtime: clock.runtime });
  });
  afterEach(() => service.close());

  const make = async (json: object = { name: 'Ann', email: 'ann@example.com' }) => {
    const got = await service.ask({ path: CUSTOMERS, json });
    expect(got.status, got.text).toBe(201);
    return got.json;
  };
  const makeKey = async (reference: string, json?: object) => {
    const path = `${CUSTOMERS}/${encodeURIComponent(reference)}/keys`;
    const got = await service.ask({ path, method: 'POST', ...(json === undefined ? {} : { json }) });
    expect(got.status, got.text).toBe(201);
    expect(got.headers['cache-control']).toBe('no-store');
    return got.json;
  };

  it('are made, listed, read, changed and deleted, by id, number or address, in both path families', async () => {
    const ann = await make({ name: 'Ann', email: 'ann@example.com', budget: 12.5 });
    expect(ann).toEqual({
      ...{ id: expect.stringMatching(/^cus_/), resourceType: 'customer', teamId: service.team.id, number: 1 },
      ...{ name: 'Ann', email: 'ann@example.com', active: true },
      budget: {
        ...{ controlId: expect.any(String), amount: '12.5', warnThreshold: '10', windowType: 'MONTHLY' },
        ...{ windowDuration: null, timeZone: 'UTC', weekStart: 'MONDAY', enabled: true, shadowMode: false },
        ...{ hard: false, raised: '0' },
      },
      ...{ created: '2026-11-21T12:00:00.000Z', updated: '2026-11-21T12:00:00.000Z', deleted: null },
    });
    const bob = await make({ name: 'Bob', email: 'bob@example.com', budget: { amount: '0', windowType: 'DAILY' } });
    expect(bob.budget).toMatchObject({ amount: '0', warnThreshold: null, windowType: 'DAILY' });
    const list = await service.ask({ path: `/profitstream${CUSTOMERS}?size=1&page=1` });
    expect(list.json).toMatchObject({ _embedded: { objectList: [bob] }, page: { totalElements: 2, totalPages: 2 } });
    expect((await service.ask({ path: `${CUSTOMERS}?query=BOB` })).json._embedded.objectList).toEqual([bob]);
    for (const reference of [bob.id, '2', 'Bob%40example.com']) {
      expect((await service.ask({ path: `${CUSTOMERS}/${reference}` })).json).toEqual(bob);
    }
    const change = (json: object) => service.ask({ path: `${CUSTOMERS}/1`, method: 'PATCH', json });
    expect((await change({ name: 'Anna', active: false, budget: { timeZone: 'Europe/Berlin' } })).json).toMatchObject({
      ...{ name: 'Anna', active: false, budget: { amount: '12.5', timeZone: 'Europe/Berlin' } },
    });
    expect((await change({ budget: '0.000000001' })).json.budget).toMatchObject({ amount: '0.000000001' });
    expect((await change({ budget: null })).json.budget).toBeNull();
    expect((await change({})).json).toMatchObject({ name: 'Anna', budget: null });
    await makeKey('1');
    const gone = await service.ask({ path: `${CUSTOMERS}/1`, method: 'DELETE' });
    expect([gone.status, gone.json]).toMatchObject([200, { deleted: '2026-11-21T12:00:00.000Z', revokedKeys: 1 }]);
    expect((await service.ask({ path: CUSTOMERS })).json.page.totalElements).toBe(1);
    expect((await service.ask({ path: `${CUSTOMERS}?includeDeleted=true` })).json.page.totalElements).toBe(2);
    expect((await service.ask({ path: `${CUSTOMERS}/1` })).json.deleted).toBe('2026-11-21T12:00:00.000Z');
    expect((await service.ask({ path: `${CUSTOMERS}/1`, method: 'DELETE' })).status).toBe(409);
  });

  it('say what is wrong, by field', async () => {
    await make();
    const answer = async (json: unknown, path = CUSTOMERS) => {
      const got = await service.ask({ path, json });
      return [got.status, got.json.message];
    };
    expect(await answer({})).toEqual([400, 'name is required; email is required']);
    expect(await answer([])).toEqual([400, 'the body must be a JSON object: a customer']);
    expect(await answer({ name: 'b', email: 'b' })).toEqual([
      400,
      "email: 'b' is not an e-mail address, for instance ann@example.com",
    ]);
    expect(await answer({ name: 'b', email: 'ANN@example.com' })).toEqual([
      409,
      'a customer with the e-mail ANN@example.com exists already: number 1',
    ]);
    const budget = (given: unknown) => answer({ name: 'b', email: 'b@x', budget: given });
    expect(await budget(-1)).toEqual([
      400,
      'budget: must not be negative; 0 lets nothing pass, and without a budget there is no limit',
    ]);
    expect(await budget([])).toEqual([400, 'budget: must be an amount of dollars, or an object with amount']);
    expect(await budget(true)).toEqual([400, 'budget: must be an amount of dollars, or an object with amount']);
    expect((await budget({ amount: 1, windowType: 'FORTNIGHT' }))[1]).toMatch(/^budget: windowType .*MONTHLY/);
    expect(await budget({})).toEqual([
      400,
      'budget: the customer has no budget yet: say its amount in dollars, for instance 25',
    ]);
    expect(await answer({ expires: 'soon', ratePerSecond: 'many' }, `${CUSTOMERS}/1/keys`)).toEqual([
      400,
      'expires: must be a full date-time, for instance 2027-01-01T00:00:00Z; ratePerSecond: must be a whole number',
    ]);
    for (const reference of ['2', 'cus_nobody', 'nobody%40x', '%27']) {
      const got = await service.ask({ path: `${CUSTOMERS}/${reference}` });
      expect([got.status, got.json.message]).toEqual([
        404,
        `there is no customer '${decodeURIComponent(reference)}'; give its id (cus_…), its number or its e-mail address`,
      ]);
    }
    const unknown = await service.ask({ path: `${KEYS}/gk_nobody/rotate`, method: 'POST' });
    expect([unknown.status, unknown.json.message]).toEqual([
      404,
      'there is no key with this id (gk_…); fusewire keys list CUSTOMER shows them',
    ]);
    expect((await service.ask({ path: `${KEYS}/gk_nobody`, method: 'DELETE' })).status).toBe(404);
  });

  it('I12: keys are shown by the answers that make them and nowhere else: no list, no audit, no log', async () => {
    const { id } = await make();
    const settings = {
      ...{ label: 'ci', ratePerSecond: 5, concurrencyMax: 2, models: ['m'], dimensions: { agent: 'a' } },
      expires: '2026-12-31T23:00:00+01:00',
    };
    const made = await makeKey('ann@example.com', settings);
    expect(made).toEqual({
      ...{ id: expect.stringMatching(/^gk_/), resourceType: 'gatewayKey', teamId: service.team.id, customerId: id },
      ...settings,
      ...{ expires: '2026-12-31T22:00:00.000Z', revoked: null, created: '2026-11-21T12:00:00.000Z', state: 'active' },
      ...{ key: expect.stringMatching(/^sk_[0-9A-Za-z]{43}$/), hint: made.key.slice(-4) },
    });
    const { key: first, ...shown } = made;
    const plain = await makeKey('1');
    expect(plain).toMatchObject({ label: '', models: null, ratePerSecond: null, dimensions: {}, expires: null });
    clock.advance(1_000);
    const rotated = await service.ask({ path: `${KEYS}/${made.id}/rotate`, json: { overlapSeconds: 60 } });
    const second = rotated.json.key;
    expect(rotated.json).toEqual({ ...shown, key: second, hint: second.slice(-4) });
    expect(rotated.headers['cache-control']).toBe('no-store');
    expect((await service.store.findGatewayKey(hashKey(first)))?.validUntilMs).toBe(NOW + 61_000);
    expect((await service.store.findGatewayKey(hashKey(second)))?.key.id).toBe(made.id);
    const revoked = await service.ask({ path: `${KEYS}/${made.id}`, method: 'DELETE' });
    expect(revoked.json).toMatchObject({ state: 'revoked', revoked: '2026-11-21T12:00:01.000Z' });
    expect((await service.ask({ path: `${KEYS}/${made.id}/rotate`, method: 'POST' })).status).toBe(409);
    clock.advance(40 * 86_400_000);
    const texts = [service.logged(), JSON.stringify(revoked.json)];
    for (const path of [
      `${CUSTOMERS}/1/keys`,
      KEYS,
      CUSTOMERS,
      '/v2/api/fusewire/audit?size=100',
      '/v2/api/fusewire/requests',
    ]) {
      texts.push((await service.ask({ path })).text);
    }
    for (const secret of [first, second, plain.key]) {
      for (const text of texts) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain(hashKey(secret));
      }
    }
    expect(service.logged()).toContain('/v2/api/customers/***/keys');
    expect(service.logged()).not.toContain('ann@example.com');
    expect(service.logged()).not.toContain('ann%40example.com');
  });

  it('shows a key that has ended as what it is', async () => {
    await make();
    const { id } = await makeKey('1', { expires: '2026-11-22T00:00:00Z' });
    clock.advance(12 * 3_600_000);
    const list = await service.ask({ path: `${CUSTOMERS}/1/keys` });
    expect(list.json._embedded.objectList).toMatchObject([{ id, state: 'expired' }]);
    expect(list.json._embedded.objectList[0]).not.toHaveProperty('key');
  });

  it('are for write keys: a metering key, and a key of the gateway itself, manage nobody', async () => {
    const { id } = await make();
    const { key } = await makeKey(id);
    expect((await service.ask({ path: CUSTOMERS, key: service.keys.metering })).status).toBe(403);
    const own = await service.ask({ path: CUSTOMERS, key });
    expect([own.status, own.json.error]).toEqual([401, 'malformed_api_key']);
    expect((await service.ask({ path: CUSTOMERS, key: null })).status).toBe(401);
  });

  it('are noted with the key that changed them', async () => {
    await make();
    await makeKey('1');
    const audit = await service.ask({ path: '/v2/api/fusewire/audit?size=100' });
    expect(audit.status, audit.text).toBe(200);
    const { items } = await service.store.listAudit(service.team.id, { page: 0, size: 100, subject: 'gateway-key' });
    const [writing] = (await service.store.listKeys(service.team.id)).filter(({ scope }) => scope === 'write');
    expect(items).toMatchObject([{ action: 'created', actor: { id: writing?.id } }]);
  });
});

describe('keys of the gateway', () => {
  it('have 256 random bits, and neither form is taken for the other', () => {
    const keys = Array.from({ length: 100 }, () => newGatewayKey());
    expect(new Set(keys.map(({ key }) => key)).size).toBe(100);
    for (const { key, secret } of keys) {
      expect(looksLikeGatewayKey(key)).toBe(true);
      expect(looksLikeKey(key)).toBe(false);
      expect(secret).toEqual({ hash: hashKey(key), hint: key.slice(-4) });
    }
    const service = `rev_sk_fwTeam_${'a'.repeat(43)}`;
    expect([looksLikeKey(service), looksLikeGatewayKey(service)]).toEqual([true, false]);
    const { key } = keys[0]!;
    for (const text of ['', 'sk_', `${key} `, ` ${key}`, `${key}x`, key.slice(0, -1), key.toUpperCase(), `sk-${key}`]) {
      expect(looksLikeGatewayKey(text)).toBe(false);
    }
  });
});
