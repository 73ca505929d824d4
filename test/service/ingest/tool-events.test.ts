import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const TOOL = {
  toolId: 'crm-lookup',
  operation: 'lookup',
  durationMs: 84,
  success: true,
  timestamp: new Date().toISOString(),
  agent: 'triage',
  traceId: 'conv-71',
  usageMetadata: { records: 3 },
};

describe.each(STORES)('ingest of tool events, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await openServiceFixture(open);
  });
  afterAll(() => service.close());

  const send = (json: unknown, path = '/meter/v2/tool/events') =>
    service.ask({ path, json, key: service.keys.metering });
  const stored = async (transactionId: string) =>
    (await service.store.findEvents(service.team.id, { transactionId, page: 0, size: 9 })).items[0];

  it.each(['/meter/v2/tool/events', '/v2/tool/events'])('takes one at %s, with everything it says', async (path) => {
    const got = await send({ ...TOOL, transactionId: path }, path);
    expect([got.status, got.json.label]).toEqual([201, path]);
    expect(await stored(path)).toMatchObject({
      kind: 'tool',
      body: TOOL,
      windowTimeMs: Date.parse(TOOL.timestamp),
      priceState: 'known',
      amountNanoUsd: 0n,
    });
  });

  it('defaults the operation and the success, and names the transaction', async () => {
    const { operation: _o, success: _s, ...rest } = TOOL;
    const got = await send(rest);
    expect((await stored(got.json.label))?.body).toMatchObject({ operation: 'execute', success: true });
  });

  it('costs what it says it costs', async () => {
    await send({ ...TOOL, transactionId: 'paid', costUsd: 0.015 });
    expect(await stored('paid')).toMatchObject({
      priceState: 'known',
      amountNanoUsd: 15_000_000n,
      rateSource: 'caller',
    });
  });

  it('takes a deprecated name where the canonical one is empty, keeps the canonical one and hides the credential', async () => {
    await send({
      ...TOOL,
      transactionId: 'old names',
      organizationId: 'Northwind',
      productName: 'helpdesk',
      productId: 'not this',
      subscriptionId: 'sk-live-0123456789',
    });
    const body = (await stored('old names'))?.body ?? {};
    expect(body).toMatchObject({ organizationName: 'Northwind', productName: 'helpdesk' });
    expect(body['subscriber']).toEqual({ credential: { value: expect.stringMatching(/^hmac_/) } });
    for (const name of ['organizationId', 'productId', 'subscriptionId', 'subscriberCredential']) {
      expect(body).not.toHaveProperty(name);
    }
  });

  it.each([
    [{ toolId: undefined }, 'toolId', 'toolId is required'],
    [{ toolId: '' }, 'toolId', 'toolId is required'],
    [{ durationMs: undefined }, 'durationMs', 'durationMs is required'],
    [{ durationMs: 1.5 }, 'durationMs', 'must be a whole number'],
    [{ durationMs: -1 }, 'durationMs', 'must not be negative'],
    [{ success: 'yes' }, 'success', 'must be true or false'],
    [{ timestamp: undefined }, 'timestamp', 'timestamp is required'],
    [{ timestamp: 'now' }, 'timestamp', /ISO-8601/],
    [{ costUsd: -1 }, 'costUsd', 'must not be negative'],
    [{ costUsd: '1' }, 'costUsd', 'must be a number'],
    [{ usageMetadata: [1] }, 'usageMetadata', 'must be an object'],
    [{ agenticJobId: 'conversion-funnel' }, 'agenticJobId', /^must begin/],
    [{ agent: {} }, 'agent', 'must be text'],
  ])('refuses %j and names the field', async (changes, field, problem) => {
    const transactionId = 'refused';
    const got = await send({ ...TOOL, transactionId, ...changes });
    expect(got.status).toBe(400);
    expect(got.json[field as string]).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem as RegExp),
    );
    expect(await stored(transactionId)).toBeUndefined();
  });

  it('does not count as a model, but its cost counts', async () => {
    const make = (name: string, filters: object[]) =>
      service.ask({
        path: '/v2/api/ai/cost-controls',
        json: {
          teamId: service.team.id,
          name,
          metricType: 'TOTAL_COST',
          windowType: 'DAILY',
          hardLimit: 100,
          shadowMode: false,
          filters,
        },
      });
    await make('models', [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o' }]);
    await make('tools', [{ dimension: 'PROVIDER', operator: 'IS', value: 'tool' }]);
    await send({ ...TOOL, toolId: 'gpt-4o', transactionId: 'named like a model', costUsd: 3 });
    const { json } = await service.ask({ path: `/v2/api/ai/enforcement-rules/${service.team.id}` });
    const value = (name: string) => json.rules.find((rule: { name: string }) => rule.name === name).currentValue;
    expect(value('models')).toBe(0);
    expect(value('tools')).toBeGreaterThanOrEqual(3);
  });
});

describe.each(STORES)('ingest of plain events, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await openServiceFixture(open);
  });
  afterAll(() => service.close());
  const send = (json: unknown, path = '/meter/v2/events') => service.ask({ path, json, key: service.keys.metering });

  it.each([
    ['text', 'a long story'],
    ['an object', { nested: { deep: [1, 2] } }],
  ])('keeps a payload that is %s; it costs nothing', async (_name, payload) => {
    for (const path of ['/meter/v2/events', '/v2/events']) {
      const got = await send(
        { payload, sourceType: 'SDK_JS', sourceId: 7, subscriberCredential: 'sk-live-000011112222' },
        path,
      );
      expect(got.status).toBe(201);
      const { items } = await service.store.findEvents(service.team.id, {
        transactionId: got.json.label,
        page: 0,
        size: 1,
      });
      expect(items[0]).toMatchObject({
        kind: 'event',
        body: { payload, sourceType: 'SDK_JS', sourceId: '7' },
        priceState: 'known',
        amountNanoUsd: 0n,
      });
      expect(JSON.stringify(items[0]?.body)).not.toContain('sk-live');
    }
  });

  it.each([
    [{}, 'payload', 'payload is required'],
    [{ payload: 7 }, 'payload', 'must be text or an object'],
    [{ payload: 'x', sourceType: 7 }, 'sourceType', 'must be text'],
  ])('refuses %j', async (json, field, problem) => {
    const got = await send(json);
    expect([got.status, got.json[field as string]]).toEqual([400, problem]);
  });
});
