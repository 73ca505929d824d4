import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const PATH = '/v2/api/ai/cost-controls';

describe.each(STORES)('cost controls, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const body = (changes: Record<string, unknown> = {}) => ({
    teamId: service.team.id,
    name: 'Nightly batch cap',
    metricType: 'TOTAL_COST',
    windowType: 'DAILY',
    hardLimit: 250,
    ...changes,
  });
  const create = (changes: Record<string, unknown> = {}) => service.ask({ path: PATH, json: body(changes) });
  const patch = (id: string, json: unknown) => service.ask({ path: `${PATH}/${id}`, method: 'PATCH', json });

  it('are created with the defaults of the contract; one that says nothing of it blocks', async () => {
    const got = await create();
    expect(got.status).toBe(201);
    expect(got.json).toEqual({
      id: expect.stringMatching(/^\w+$/),
      resourceType: 'costControl',
      label: 'Nightly batch cap',
      name: 'Nightly batch cap',
      description: '',
      metricType: 'TOTAL_COST',
      windowType: 'DAILY',
      action: 'BLOCK',
      groupBy: null,
      warnThreshold: null,
      hardLimit: 250,
      filters: [],
      shadowMode: false,
      enabled: true,
      notificationChannelIds: [],
      windowDuration: null,
      timeZone: 'UTC',
      weekStart: 'MONDAY',
      onUnknownPrice: 'flag',
      assumedPricePerMillionTokens: null,
      assumedPricePerRequest: null,
      onClientLeave: 'auto',
      enforcement: 'POLLED',
      onExpiry: null,
      estimate: null,
      whenExhausted: null,
      assumedOutputTokens: null,
      outputLimit: null,
      clampOutput: null,
      downgradeTo: null,
      throttleMs: null,
      raised: 0,
      raisedUntil: null,
      feedRuleId: expect.any(Number),
      teamId: service.team.id,
      created: expect.stringMatching(/Z$/),
      updated: got.json.created,
      _links: { self: { href: `${PATH}/${got.json.id}` } },
    });
    expect((await service.ask({ path: `${PATH}/${got.json.id}` })).json).toEqual(got.json);
  });

  it('take the team from the query, and null for whatever may be left out', async () => {
    const json = {
      ...body({ description: null, action: null, groupBy: null, warnThreshold: null, filters: null, shadowMode: null }),
      teamId: undefined,
      enabled: null,
      notificationChannelIds: null,
      onUnknownPrice: null,
      onClientLeave: null,
      denyMessage: 'dropped',
      _links: {},
    };
    const got = await service.ask({ path: `${PATH}?teamId=${service.team.id}&tenantId=t`, json });
    expect([got.status, got.json.shadowMode, got.json.filters]).toEqual([201, false, []]);
    const missing = await service.ask({ path: PATH, json });
    expect([missing.status, missing.json.teamId, missing.json.message]).toEqual([
      400,
      'teamId is required',
      'teamId is required',
    ]);
  });

  it('keep limits exactly, as a number or as text', async () => {
    for (const [hardLimit, shown] of [
      ['250.000000001', 250.000000001],
      ['0.1', 0.1],
      [1e-7, 1e-7],
      ['1e3', 1000],
      [0, 0],
    ] as const) {
      const got = await create({ hardLimit });
      expect([got.status, got.json.hardLimit], String(hardLimit)).toEqual([201, shown]);
      const kept = await service.store.getControl(service.team.id, got.json.id);
      expect(kept!.hardLimit).toMatch(/^\d+(\.\d+)?$/);
      expect(Number(kept!.hardLimit)).toBe(shown);
    }
  });

  it.each([
    [{ name: undefined }, 'name', 'name is required'],
    [{ name: '  ' }, 'name', 'name is required'],
    [{ name: 7 }, 'name', 'must be text'],
    [{ metricType: undefined }, 'metricType', 'metricType is required'],
    [{ metricType: 'COST' }, 'metricType', /^Value 'COST' is not valid\. Allowed values: \[TOTAL_COST, TOKEN_COUNT,/],
    [
      { windowType: 'YEARLY' },
      'windowType',
      "Value 'YEARLY' is not valid. Allowed values: [HOURLY, DAILY, WEEKLY, MONTHLY, QUARTERLY, ROLLING, LIFETIME]",
    ],
    [{ windowType: 'ROLLING' }, 'windowDuration', /^windowDuration is required with ROLLING/],
    [{ windowType: 'ROLLING', windowDuration: '1h' }, 'windowDuration', /^must be an ISO 8601 duration/],
    [{ windowType: 'ROLLING', windowDuration: 'PT30S' }, 'windowDuration', 'must be at least one minute (PT1M)'],
    [{ windowType: 'ROLLING', windowDuration: 'P4000D' }, 'windowDuration', 'must be at most ten years (P10Y)'],
    [{ windowDuration: 'PT1H' }, 'windowDuration', 'is for windowType ROLLING only'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone', /^must be the name of an IANA time zone/],
    [{ timeZone: 7 }, 'timeZone', 'must be text: an IANA time zone'],
    [{ weekStart: 'TODAY' }, 'weekStart', /^Value 'TODAY' is not valid\. Allowed values: \[MONDAY, TUESDAY/],
    [{ onUnknownPrice: 'assume' }, 'onUnknownPrice', /^assume needs assumedPricePerMillionTokens/],
    [{ assumedPricePerRequest: 1 }, 'assumedPricePerRequest', 'is for onUnknownPrice assume only'],
    [{ onUnknownPrice: 'assume', assumedPricePerRequest: -1 }, 'assumedPricePerRequest', 'must not be negative'],
    [
      { onUnknownPrice: 'assume', assumedPricePerMillionTokens: 'much' },
      'assumedPricePerMillionTokens',
      'must be a number',
    ],
    [{ action: 'THROTTLE' }, 'action', "Value 'THROTTLE' is not valid. Allowed values: [BLOCK]"],
    [{ groupBy: 'COLOUR' }, 'groupBy', /^Value 'COLOUR' is not valid\. Allowed values: \[ORGANIZATION, /],
    [{ hardLimit: undefined }, 'hardLimit', 'hardLimit is required'],
    [{ hardLimit: null }, 'hardLimit', 'hardLimit is required'],
    [{ hardLimit: 'much' }, 'hardLimit', 'must be a number'],
    [{ hardLimit: '' }, 'hardLimit', 'must be a number'],
    [{ hardLimit: -1 }, 'hardLimit', 'must not be negative'],
    [{ hardLimit: 1e13 }, 'hardLimit', 'must be at most 1000000000000'],
    [{ hardLimit: '0.0000000001' }, 'hardLimit', 'must have at most 9 decimals'],
    [{ metricType: 'TOKEN_COUNT', hardLimit: 1.5 }, 'hardLimit', 'must be a whole number'],
    [{ warnThreshold: 251 }, 'warnThreshold', 'warnThreshold must not be above hardLimit'],
    [{ shadowMode: 'false' }, 'shadowMode', 'must be true or false'],
    [{ filters: {} }, 'filters', 'must be an array of filters'],
    [
      { filters: [{ dimension: 'COLOUR', operator: 'IS', value: 'x' }] },
      'filters.0.dimension',
      /^Value 'COLOUR' is not valid/,
    ],
    [
      { filters: [{ dimension: 'MODEL', operator: 'LIKE', value: 'x' }] },
      'filters.0.operator',
      /^Value 'LIKE' is not valid/,
    ],
    [
      { filters: [{ dimension: 'MODEL', operator: 'IS' }] },
      'filters.0.value',
      'value is required with every operator but IN',
    ],
    [
      { filters: [{ dimension: 'MODEL', operator: 'IS', value: 'x', values: ['y'] }] },
      'filters.0.values',
      'is for the operator IN only; use value',
    ],
    [
      { filters: [{ dimension: 'MODEL', operator: 'IN', value: 'x' }] },
      'filters.0.values',
      /^values is required with the operator IN/,
    ],
    [
      { filters: [{ dimension: 'MODEL', operator: 'IN', values: [''] }] },
      'filters.0.values',
      'must not hold an empty text',
    ],
    [
      { filters: [{ dimension: 'DEPARTMENT', operator: 'CONTAINS', value: '3' }] },
      'filters.0.operator',
      'DEPARTMENT takes the operator IS only',
    ],
    [
      { filters: [{ dimension: 'DEPARTMENT', operator: 'IS', value: 'Sales' }] },
      'filters.0.value',
      'must be the number of a department',
    ],
    [{ notificationChannelIds: 'a' }, 'notificationChannelIds', 'must be an array of text'],
    [{ onClientLeave: 'wait' }, 'onClientLeave', "Value 'wait' is not valid. Allowed values: [auto, abort, drain]"],
    [
      { onUnknownPrice: 'guess' },
      'onUnknownPrice',
      "Value 'guess' is not valid. Allowed values: [refuse, assume, flag]",
    ],
  ])('are refused with %j, and the field is named', async (changes, field, problem) => {
    const got = await create(changes);
    expect(got.status).toBe(400);
    expect(got.json[field as string]).toEqual(
      typeof problem === 'string' ? problem : expect.stringMatching(problem as RegExp),
    );
    expect(got.json).toMatchObject({
      error: 'validation_failed',
      message: expect.any(String),
      details: expect.any(Object),
    });
    expect((await service.store.listControls(service.team.id, { page: 0, size: 5 })).totalElements).toBe(0);
  });

  it('name every wrong field at once', async () => {
    const got = await create({ name: '', metricType: 'X', windowType: undefined, hardLimit: true });
    expect(got.json.details.problems.map(({ field }: { field: string }) => field).sort()).toEqual([
      'hardLimit',
      'metricType',
      'name',
      'windowType',
    ]);
  });

  it('take every operator and every dimension; DEPARTMENT goes by its older name too', async () => {
    const filters = [
      ...['IS', 'IS_NOT', 'CONTAINS', 'STARTS_WITH', 'ENDS_WITH'].map((operator) => ({
        dimension: 'MODEL',
        operator,
        value: 'a:b',
      })),
      { dimension: 'SUBSCRIBER', operator: 'IN', values: ['a', 'b'], value: null },
      ...['PROVIDER', 'ORGANIZATION', 'PRODUCT', 'CREDENTIAL', 'AGENT', 'TASK_TYPE'].map((dimension) => ({
        dimension,
        operator: 'IS',
        value: 'x',
      })),
    ];
    const got = await create({ filters, groupBy: 'TASK_TYPE' });
    expect(got.status).toBe(201);
    expect(got.json.groupBy).toBe('TASK_TYPE');
    expect(got.json.filters).toHaveLength(filters.length);
    expect(got.json.filters[5]).toEqual({ dimension: 'SUBSCRIBER', operator: 'IN', values: ['a', 'b'] });
    const made = await service.ask({ path: '/v2/api/fusewire/departments', json: { name: 'Research' } });
    const value = made.json.id;
    // The older spelling is taken and shown as the newer one; a filter names a department that there is.
    for (const name of ['DEPARTMENT', 'ORG_UNIT']) {
      const grouped = await create({ groupBy: name });
      expect([grouped.status, grouped.json.groupBy]).toEqual([201, 'DEPARTMENT']);
      const filtered = await create({ filters: [{ dimension: name, operator: 'IS', value }] });
      expect([filtered.status, filtered.json.filters]).toEqual([
        201,
        [{ dimension: 'DEPARTMENT', operator: 'IS', value: `${value}` }],
      ]);
      const unknown = await create({ filters: [{ dimension: name, operator: 'IS', value: 31 }] });
      expect([unknown.status, unknown.json.filters]).toEqual([400, expect.stringContaining('31')]);
    }
  });

  it('are changed in part; lists are replaced whole', async () => {
    const filters = [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o' }];
    const hook = { name: 'pager', url: 'https://example.org/hook' };
    const channel = (await service.ask({ path: '/v2/api/fusewire/webhooks', json: hook })).json.id;
    const { id, feedRuleId } = (
      await create({ filters, notificationChannelIds: [channel], warnThreshold: 200, groupBy: 'MODEL' })
    ).json;
    const name = await patch(id, { name: 'renamed' });
    expect(name.json).toMatchObject({
      id,
      feedRuleId,
      name: 'renamed',
      label: 'renamed',
      hardLimit: 250,
      warnThreshold: 200,
      filters,
    });
    const replaced = await patch(id, {
      filters: [{ dimension: 'AGENT', operator: 'IS', value: 'x' }],
      notificationChannelIds: [],
    });
    expect(replaced.json).toMatchObject({
      filters: [{ dimension: 'AGENT' }],
      notificationChannelIds: [],
      groupBy: 'MODEL',
    });
    const cleared = await patch(id, {
      filters: [],
      warnThreshold: null,
      groupBy: null,
      enabled: false,
      shadowMode: true,
    });
    expect(cleared.json).toMatchObject({
      filters: [],
      warnThreshold: null,
      groupBy: null,
      enabled: false,
      shadowMode: true,
    });
    expect((await patch(id, {})).json).toMatchObject({ name: 'renamed', hardLimit: 250 });
    expect((await service.ask({ path: `${PATH}/${id}` })).json).toMatchObject({ name: 'renamed', enabled: false });
  });

  it('are judged after a change by what they would be', async () => {
    const { id } = (await create({ hardLimit: 250.5, warnThreshold: 200 })).json;
    expect((await patch(id, { hardLimit: 100 })).json).toMatchObject({
      warnThreshold: 'warnThreshold must not be above hardLimit',
    });
    expect((await patch(id, { metricType: 'TOKEN_COUNT' })).json).toMatchObject({
      hardLimit: 'must be a whole number',
    });
    expect((await patch(id, { hardLimit: '100', warnThreshold: '90.5' })).status).toBe(200);
    expect((await service.ask({ path: `${PATH}/${id}` })).json).toMatchObject({ hardLimit: 100, warnThreshold: 90.5 });
  });

  it('keep windows of every kind; what belongs to one kind goes with it', async () => {
    const made = await create({
      windowType: 'ROLLING',
      windowDuration: 'pt36h',
      timeZone: 'europe/berlin',
      weekStart: 'SUNDAY',
    });
    expect([made.status, made.json.windowDuration, made.json.timeZone, made.json.weekStart]).toEqual([
      201,
      'PT36H',
      'Europe/Berlin',
      'SUNDAY',
    ]);
    const { id } = made.json;
    expect((await patch(id, { windowDuration: null })).json.windowDuration).toMatch(/^windowDuration is required/);
    expect((await patch(id, { hardLimit: 9 })).json).toMatchObject({ windowType: 'ROLLING', windowDuration: 'PT36H' });
    const weekly = await patch(id, { windowType: 'WEEKLY' });
    expect(weekly.json).toMatchObject({ windowType: 'WEEKLY', windowDuration: null, timeZone: 'Europe/Berlin' });
    expect((await patch(id, { windowType: 'ROLLING' })).status).toBe(400);
    const back = await patch(id, { windowType: 'ROLLING', windowDuration: 'P7D', timeZone: 'UTC' });
    expect(back.json).toMatchObject({ windowDuration: 'P7D', timeZone: 'UTC', weekStart: 'SUNDAY' });
  });

  it('say what becomes of calls whose caller leaves', async () => {
    const made = await create({ onClientLeave: 'drain' });
    expect(made.json.onClientLeave).toBe('drain');
    const { id } = made.json;
    expect((await patch(id, { hardLimit: 3 })).json.onClientLeave).toBe('drain');
    expect((await patch(id, { onClientLeave: null })).json.onClientLeave).toBe('drain');
    expect((await patch(id, { onClientLeave: 'abort' })).json.onClientLeave).toBe('abort');
    expect((await service.ask({ path: `${PATH}/${id}` })).json.onClientLeave).toBe('abort');
  });

  it('keep an assumed price exactly, and drop it with assume', async () => {
    const assume = {
      onUnknownPrice: 'assume',
      assumedPricePerMillionTokens: '2.5',
      assumedPricePerRequest: 0.000000001,
    };
    const made = await create(assume);
    expect(made.json).toMatchObject({ assumedPricePerMillionTokens: 2.5, assumedPricePerRequest: 1e-9 });
    const { id } = made.json;
    const kept = await service.store.getControl(service.team.id, id);
    expect([kept?.assumedPricePerMillionTokens, kept?.assumedPricePerRequest]).toEqual(['2.5', '0.000000001']);
    const one = await patch(id, { assumedPricePerRequest: null });
    expect(one.json).toMatchObject({ assumedPricePerMillionTokens: 2.5, assumedPricePerRequest: null });
    expect((await patch(id, { assumedPricePerMillionTokens: null })).status).toBe(400);
    const flags = await patch(id, { onUnknownPrice: 'flag' });
    expect(flags.json).toMatchObject({ onUnknownPrice: 'flag', assumedPricePerMillionTokens: null });
  });

  it('credits are counted to nine digits, counts are whole', async () => {
    expect((await create({ metricType: 'CREDITS_CONSUMED', hardLimit: '0.000000001' })).status).toBe(201);
    expect((await create({ metricType: 'IMAGE_COUNT', hardLimit: 0.5 })).json.hardLimit).toBe('must be a whole number');
  });

  it('name the key that changed them in the audit record, never the key itself', async () => {
    const { id } = (await create()).json;
    await patch(id, { hardLimit: 9 });
    await service.ask({ path: `${PATH}/${id}`, method: 'DELETE' });
    const { items } = await service.store.listAudit(service.team.id, { subjectId: id, page: 0, size: 9 });
    expect(items.map(({ action }) => action)).toEqual(['deleted', 'updated', 'created']);
    const keys = await service.store.listKeys(service.team.id);
    for (const { actor } of items) {
      expect(keys.map((key) => key.id)).toContain(actor.id);
      expect(actor.hint).toHaveLength(4);
    }
    expect(items[1]).toMatchObject({ before: { hardLimit: '250' }, after: { hardLimit: '9' } });
  });

  it('are not replaced by PUT', async () => {
    const { id } = (await create()).json;
    const got = await service.ask({ path: `${PATH}/${id}`, method: 'PUT', json: body() });
    expect([got.status, got.json.message]).toEqual([405, expect.stringContaining('PATCH')]);
  });

  it('are deleted once', async () => {
    const { id } = (await create()).json;
    const gone = await service.ask({
      path: `${PATH}/${id}`,
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
    });
    expect([gone.status, gone.text]).toEqual([204, '']);
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await service.ask({ path: `${PATH}/${id}`, method })).status).toBe(404);
    }
    expect((await patch(id, { name: 'x' })).json).toMatchObject({ error: 'not_found', message: expect.any(String) });
  });

  it('of another team are refused with 403 and stay as they are', async () => {
    const { id } = (await create()).json;
    const key = service.otherKeys.write;
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await service.ask({ path: `${PATH}/${id}`, method, key })).status).toBe(403);
    }
    expect((await service.ask({ path: `${PATH}/${id}`, method: 'PATCH', json: { name: 'mine' }, key })).status).toBe(
      403,
    );
    expect((await service.ask({ path: `${PATH}/${id}` })).json.name).toBe('Nightly batch cap');
  });

  it('are listed by page, text, type and order', async () => {
    expect((await service.ask({ path: PATH })).json).toEqual({
      _embedded: { objectList: [] },
      _links: {},
      page: { size: 20, totalElements: 0, totalPages: 0, number: 0 },
    });
    for (const [index, name] of ['beta', 'alpha', 'gamma'].entries()) {
      await create({
        name,
        description: index === 2 ? 'has BETA inside' : '',
        metricType: index === 1 ? 'TOKEN_COUNT' : 'TOTAL_COST',
      });
    }
    const names = async (query: string) => {
      const got = await service.ask({ path: `${PATH}?${query}` });
      expect(got.status, query).toBe(200);
      return got.json._embedded.objectList.map(({ name }: { name: string }) => name);
    };
    expect(await names('sort=name,asc')).toEqual(['alpha', 'beta', 'gamma']);
    expect(await names('sort=name,DESC')).toEqual(['gamma', 'beta', 'alpha']);
    expect(await names('sort=name&page=1&size=2')).toEqual(['gamma']);
    expect(await names('sort=name&query=beta')).toEqual(['beta', 'gamma']);
    expect(await names('type=TOKEN_COUNT')).toEqual(['alpha']);
    const paged = await service.ask({ path: `${PATH}?page=1&size=2` });
    expect(paged.json.page).toEqual({ size: 2, totalElements: 3, totalPages: 2, number: 1 });
    expect((await service.ask({ path: `${PATH}?size=9999` })).json.page.size).toBe(500);
    for (const query of [
      'page=-1',
      'size=0',
      'page=x',
      'size=1.5',
      'sort=colour',
      'sort=name,up',
      'type=X',
      'page=1&page=2',
    ]) {
      const got = await service.ask({ path: `${PATH}?${query}` });
      expect([got.status, typeof got.json[query.split('=')[0]!]], query).toEqual([400, 'string']);
    }
  });

  it('events need a team and come in the envelope', async () => {
    const path = '/v2/api/ai/enforcement-events';
    expect((await service.ask({ path })).json).toMatchObject({ teamId: 'teamId is required' });
    const got = await service.ask({ path: `${path}?teamId=${service.team.id}&page=0&size=5` });
    expect(got.json).toEqual({
      _embedded: { objectList: [] },
      _links: {},
      page: { size: 5, totalElements: 0, totalPages: 0, number: 0 },
    });
  });

  it('teams list the team of the key', async () => {
    const got = await service.ask({ path: '/v2/api/teams?tenantId=t', key: service.otherKeys.metering });
    expect(got.json._embedded.teamResourceList).toEqual([
      expect.objectContaining({ id: service.other.id, name: 'second' }),
    ]);
    expect(service.team.id).toMatch(/^fw[A-Za-z0-9]+$/);
  });
});
