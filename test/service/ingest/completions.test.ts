import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const PATH = '/meter/v2/ai/completions';
const OPERATIONS =
  '[CHAT, GENERATE, EMBED, CLASSIFY, SUMMARIZE, TRANSLATE, OTHER, TOOL_CALL, RERANK, SEARCH, MODERATION, VISION, TRANSFORM, GUARDRAIL, AUDIO, VIDEO, IMAGE]';

describe.each(STORES)('ingest of completions, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const meter = (changes: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
    service.ask({ path: PATH, json: usageEvent(changes), headers, key: service.keys.metering });
  const stored = async (transactionId?: string) => {
    const query = { page: 0, size: 100, ...(transactionId === undefined ? {} : { transactionId }) };
    return (await service.store.findEvents(service.team.id, query)).items;
  };

  it('answers 201 with the receipt of the contract and the revision', async () => {
    const got = await meter();
    expect(got.status).toBe(201);
    expect(got.json).toEqual({
      id: expect.any(String),
      label: 'chatcmpl-9x',
      resourceType: 'metering',
      signature: '',
      created: expect.stringMatching(/^\d{4}-.*Z$/),
      updated: got.json.created,
      _links: {},
    });
    expect(got.headers['fusewire-revision']).toMatch(/^\d+$/);
    expect(String(got.headers['fusewire-capabilities']).split(', ')).toContain('ingest-batch');
    expect(got.headers['content-type']).toMatch(/^application\/json/);
  });

  it('I4: acknowledges a second event of the same transaction and keeps one', async () => {
    const event = usageEvent();
    const one = await meter(event);
    const two = await meter(event);
    const other = await meter({ ...event, outputTokenCount: 9_999 });
    expect([one.status, two.status, other.status]).toEqual([201, 201, 201]);
    expect(two.json.id).toBe(one.json.id);
    expect((await stored('chatcmpl-9x')).map(({ body }) => body['outputTokenCount'])).toEqual([96]);
    const conflicts = (await service.ask({ path: '/v2/api/fusewire/conflicts' })).json._embedded.objectList;
    expect(conflicts).toEqual([
      expect.objectContaining({
        eventId: one.json.id,
        transactionId: 'chatcmpl-9x',
        times: 1,
        body: expect.objectContaining({ outputTokenCount: 9_999 }),
      }),
    ]);
  });

  it.each([undefined, null, '', '  '])(
    'gives an event whose transaction id is %j one of its own',
    async (transactionId) => {
      const got = await meter({ transactionId });
      expect(got.json.label).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(await stored(got.json.label)).toHaveLength(1);
    },
  );

  it('drops unknown and deprecated names, and null, in silence', async () => {
    const got = await meter({
      organizationId: 'o',
      productId: 'p',
      organization_id: 'o',
      product_id: 'p',
      trace_id: 't',
      whatever: { deep: [1] },
      agent: null,
      reasoningTokenCount: null,
      subscriber: null,
      attributes: null,
      organizationName: 'Northwind',
    });
    expect(got.status).toBe(201);
    const [event] = await stored('chatcmpl-9x');
    expect(event!.body).toMatchObject({ organizationName: 'Northwind', inputTokenCount: 412 });
    const gone = ['organizationId', 'productId', 'organization_id', 'product_id', 'trace_id', 'whatever', 'agent'];
    for (const name of [...gone, 'reasoningTokenCount', 'subscriber', 'attributes'])
      expect(event!.body).not.toHaveProperty(name);
  });

  it('takes times in seconds and in milliseconds, and with an offset', async () => {
    const second = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const times = [second, new Date().toISOString(), second.replace('Z', '.123456Z'), second.replace('Z', '+00:00')];
    for (const [index, requestTime] of times.entries()) {
      expect((await meter({ transactionId: `t${index}`, requestTime })).status, requestTime).toBe(201);
    }
    for (const requestTime of ['yesterday', '2026-11-20', '2026-13-40T00:00:00Z', 1_795_132_800]) {
      const got = await meter({ requestTime });
      expect([got.status, got.json.requestTime], String(requestTime)).toEqual([
        400,
        expect.stringContaining('ISO-8601'),
      ]);
    }
  });

  it.each([
    [{ operationType: 'AUX' }, 'operationType', `Value 'AUX' is not valid. Allowed values: ${OPERATIONS}`],
    [{ stopReason: 'stop' }, 'stopReason', /^Value 'stop' is not valid\. Allowed values: \[END, END_SEQUENCE,/],
    [{ costType: 'API' }, 'costType', "Value 'API' is not valid. Allowed values: [AI]"],
    [{ skipReason: 'NO' }, 'skipReason', /^Value 'NO' is not valid/],
    [{ model: undefined }, 'model', 'model is required'],
    [{ model: null }, 'model', 'model is required'],
    [{ model: '' }, 'model', 'model is required'],
    [{ provider: 7 }, 'provider', 'must be text'],
    [{ requestTime: undefined }, 'requestTime', 'requestTime is required'],
    [{ inputTokenCount: -1 }, 'inputTokenCount', 'must not be negative'],
    [{ outputTokenCount: 1.5 }, 'outputTokenCount', 'must be a whole number'],
    [{ totalTokenCount: '508' }, 'totalTokenCount', 'must be a whole number'],
    [{ totalTokenCount: 1e15 }, 'totalTokenCount', /^must be at most/],
    [{ totalCost: -0.1 }, 'totalCost', 'must not be negative'],
    [{ isStreamed: 'yes' }, 'isStreamed', 'must be true or false'],
    [{ agent: { name: 'x' } }, 'agent', 'must be text'],
    [{ agenticJobId: 'types' }, 'agenticJobId', /^must begin with a letter or digit/],
    [{ agenticJobId: '-x' }, 'agenticJobId', /^must begin with a letter or digit/],
    [{ transactionId: 'x'.repeat(513) }, 'transactionId', 'must have at most 512 characters'],
    [{ subscriber: 'rita' }, 'subscriber', /^must be an object/],
    [{ subscriber: { credential: 'k' } }, 'subscriber.credential', /^must be an object/],
    [{ attributes: [1] }, 'attributes', 'must be an object'],
  ])('refuses %j and names the field', async (changes, field, problem) => {
    const got = await meter(changes);
    expect(got.status).toBe(400);
    expect(got.json[field as string]).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem as RegExp),
    );
    expect(got.json).toMatchObject({
      error: 'validation_failed',
      message: expect.stringContaining(String(got.json[field as string])),
    });
    expect(got.json.details.problems).toEqual([{ field, problem: got.json[field as string] }]);
    expect(await stored()).toHaveLength(0);
  });

  it('cuts what is too long, leaves out what is malformed and lower-cases the job type', async () => {
    await meter({
      environment: 'e'.repeat(300),
      traceName: 'n'.repeat(300),
      ticketId: 't'.repeat(300),
      traceType: 'has a space',
      effort: 'x'.repeat(17),
      agentVersion: 7,
      agent: 'a'.repeat(5_000),
      skillName: 's'.repeat(300),
      traceId: 42,
      agenticJobId: 'job-1',
      agenticJobType: 'Invoice-RUN',
      responseQualityScore: 3,
    });
    const [event] = await stored('chatcmpl-9x');
    const lengths = Object.fromEntries(
      ['environment', 'traceName', 'ticketId', 'agent', 'skillName'].map((name) => [
        name,
        String(event!.body[name]).length,
      ]),
    );
    expect(lengths).toEqual({ environment: 255, traceName: 256, ticketId: 256, agent: 1_024, skillName: 256 });
    expect(event!.body).toMatchObject({ traceId: '42', agenticJobType: 'invoice-run', responseQualityScore: 1 });
    for (const name of ['traceType', 'effort', 'agentVersion']) expect(event!.body).not.toHaveProperty(name);
  });

  it('I5: marks an event without any count as one whose usage is unknown, and fills in nothing', async () => {
    await meter({ inputTokenCount: null, outputTokenCount: undefined, totalTokenCount: null, attributes: { mine: 1 } });
    const [event] = await stored('chatcmpl-9x');
    expect(event!.body['attributes']).toEqual({ mine: 1, usageState: 'unknown' });
    expect(event!.body).not.toHaveProperty('inputTokenCount');
    await meter({ transactionId: 'reported' });
    expect((await stored('reported'))[0]!.body).not.toHaveProperty('attributes');
  });

  it('I12: nests the subscriber and replaces the credential before it is kept, by a text of the team', async () => {
    const value = 'sk-live-0123456789abcdef';
    const nested = { id: 'u-88', email: 'rita@example.org', credential: { name: 'svc', value } };
    await meter({ transactionId: 'nested', subscriber: nested, subscriberId: 'flat loses' });
    await meter({
      transactionId: 'flat',
      subscriberId: 88,
      subscriberEmail: 'rita@example.org',
      subscriberCredentialName: 'svc',
      subscriberCredential: value,
    });
    await service.ask({
      path: PATH,
      key: service.otherKeys.metering,
      json: usageEvent({ transactionId: 'other', subscriber: nested }),
    });
    const subscriberOf = async (id: string) => (await stored(id))[0]!.body['subscriber'] as typeof nested;
    const one = await subscriberOf('nested');
    const two = await subscriberOf('flat');
    expect(one).toEqual({
      ...nested,
      credential: { name: 'svc', value: expect.stringMatching(/^hmac_[0-9a-f]{32}_cdef$/) },
    });
    expect(two).toEqual({ ...one, id: '88' });
    const foreign = await service.store.findEvents(service.other.id, { transactionId: 'other', page: 0, size: 1 });
    const foreignText = JSON.stringify(foreign.items[0]!.body);
    expect(foreignText).not.toContain(one.credential.value);
    expect(foreignText + JSON.stringify((await stored()).map(({ body }) => body))).not.toContain(value);
  });

  it('names what is not metered here with a 404, which no SDK repeats', async () => {
    for (const path of ['/meter/v2/apis/requests', '/meter/v2/apis/responses', '/v2/apis/requests']) {
      const got = await service.ask({ path, json: {} });
      expect([got.status, got.json.message]).toEqual([404, expect.stringContaining('POST /meter/v2/ai/completions')]);
    }
  });

  it('reads events back with their price; an unknown price is null, not zero', async () => {
    await meter({ transactionId: 'priced', totalCost: 0.0125 });
    await meter({ transactionId: 'unpriced', model: 'a-model-nobody-knows', provider: 'nobody' });
    const path = `/profitstream/v2/api/sources/metrics/ai/completions?teamId=${service.team.id}&transactionId=`;
    const priced = await service.ask({ path: `${path}priced`, key: service.keys.metering });
    const [row] = priced.json._embedded.aICompletionMetricResourceList;
    expect(row).toMatchObject({
      transactionId: 'priced',
      totalCost: 0.0125,
      priceState: 'known',
      model: 'gpt-4o-mini',
    });
    expect(priced.json.page).toEqual({ size: 20, totalElements: 1, totalPages: 1, number: 0 });
    const unpriced = await service.ask({ path: `${path}unpriced` });
    expect(unpriced.json._embedded.aICompletionMetricResourceList[0]).toMatchObject({
      totalCost: null,
      priceState: 'unknown',
    });
    const none = await service.ask({ path: `${path}nothing` });
    expect(none.json._embedded.aICompletionMetricResourceList).toEqual([]);
  });
});
