import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

/** Values that are almost right, and values that are not. */
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    null,
    '',
    ' ',
    'BLOCK',
    'TOTAL_COST',
    'DAILY',
    'IS',
    'IN',
    'MODEL',
    '1e999',
    '-0',
    'NaN',
    '\u0000',
    '\ud800',
    '__proto__',
  ),
  fc.constantFrom(0, -1, 1.5, 1e308, -1e-320, Number.MAX_SAFE_INTEGER, 2 ** 60),
  fc.constantFrom([], {}, [null], [[]], { value: null }, 'x'.repeat(3_000)),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const EVENT_FIELDS = [
  ...Object.keys(usageEvent()),
  'subscriber',
  'attributes',
  'agenticJobId',
  'totalCost',
  'agent',
  'traceType',
  'subscriberCredential',
  'costMultiplier',
  'organizationName',
];
const CONTROL = { name: 'n', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 5 };
const filter = fc.record({ dimension: odd, operator: odd, value: odd, values: odd }, { requiredKeys: [] });
const control = fc.record(
  {
    name: odd,
    metricType: odd,
    windowType: odd,
    hardLimit: odd,
    warnThreshold: odd,
    groupBy: odd,
    action: odd,
    shadowMode: odd,
    enabled: odd,
    description: odd,
    notificationChannelIds: odd,
    onUnknownPrice: odd,
    filters: fc.oneof(odd, fc.array(filter, { maxLength: 3 })),
  },
  { requiredKeys: [] },
);

describe.each(STORES)('whatever is sent, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await openServiceFixture(open);
  });
  afterAll(() => service.close());

  /** Never a 500, and a refusal always says why. */
  const check = (got: { status: number; json: { message?: unknown; error?: unknown } }) => {
    expect(got.status).toBeLessThan(500);
    if (got.status >= 400) expect([typeof got.json.message, typeof got.json.error]).toEqual(['string', 'string']);
  };

  it('as an event, is stored or refused with a reason', async () => {
    const event = fc
      .dictionary(fc.constantFrom(...EVENT_FIELDS), odd, { maxKeys: 6 })
      .map((changes) => ({ ...usageEvent(), ...changes }));
    const seen = new Map<number, number>();
    const ask = async (json: unknown) => {
      const got = await service.ask({ path: '/meter/v2/ai/completions', json });
      seen.set(got.status, (seen.get(got.status) ?? 0) + 1);
      check(got);
    };
    await fc.assert(fc.asyncProperty(fc.oneof(event, odd), ask), { numRuns: 300 });
    // Both sides of the line were visited.
    expect([...seen.keys()].sort()).toEqual([201, 400]);
    expect(Math.min(...seen.values())).toBeGreaterThan(15);
  });

  it('as text, is refused with a reason', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json().map((json) => json.slice(1)),
    );
    const headers = { 'content-type': 'application/json' };
    const ask = async (sent: string) =>
      check(await service.ask({ path: '/meter/v2/ai/completions', text: Buffer.from(sent), headers }));
    await fc.assert(fc.asyncProperty(text, ask), { numRuns: 150 });
  });

  it('as a cost control, is kept so that it can be read again, or refused with a reason', async () => {
    const { id } = (await service.ask({ path: `/v2/api/ai/cost-controls?teamId=${service.team.id}`, json: CONTROL }))
      .json;
    const ask = async (changes: Record<string, unknown>) => {
      const path = '/v2/api/ai/cost-controls';
      const made = await service.ask({ path: `${path}?teamId=${service.team.id}`, json: { ...CONTROL, ...changes } });
      check(made);
      check(await service.ask({ path: `${path}/${id}`, method: 'PATCH', json: changes }));
      if (made.status !== 201) return;
      expect((await service.ask({ path: `${path}/${made.json.id}` })).json).toEqual(made.json);
      await service.ask({ path: `${path}/${made.json.id}`, method: 'DELETE' });
    };
    await fc.assert(fc.asyncProperty(control, ask), { numRuns: 200 });
    check(await service.ask({ path: `/v2/api/ai/enforcement-rules/${service.team.id}` }));
  });

  it('as a price or a query, is taken or refused with a reason', async () => {
    const price = fc.record(
      { model: odd, provider: odd, kind: fc.constantFrom('free', 'rates', 7), inputPerMillion: odd, perRequest: odd },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(price, async (json) => check(await service.ask({ path: '/v2/api/fusewire/prices', json }))),
      { numRuns: 100 },
    );
    const query = fc.tuple(
      fc.constantFrom('page', 'size', 'sort', 'type', 'query', 'teamId', 'ruleId'),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    const path = fc.constantFrom(
      'ai/cost-controls',
      'ai/enforcement-events',
      'sources/metrics/ai/completions',
      'teams',
      'fusewire/prices',
    );
    const ask = async (where: string, [name, value]: [string, string]) => {
      const got = await service.ask({ path: `/v2/api/${where}?${new URLSearchParams({ [name]: value })}` });
      check(got);
    };
    await fc.assert(fc.asyncProperty(path, query, ask), { numRuns: 150 });
  });

  it('the service still works afterwards', async () => {
    expect(
      (await service.ask({ path: '/meter/v2/ai/completions', json: usageEvent({ transactionId: 'after' }) })).status,
    ).toBe(201);
    expect(service.logged()).not.toContain('a request failed');
  });
});
