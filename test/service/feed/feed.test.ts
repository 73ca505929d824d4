import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isNoneMatch, quoted } from '../../../service/feed/etag.js';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

describe.each(STORES)('the rule feed, $name', ({ open }) => {
  let service: ServiceFixture;
  let path: string;
  beforeEach(async () => {
    service = await openServiceFixture(open);
    path = `/v2/api/ai/enforcement-rules/${service.team.id}`;
  });
  afterEach(() => service.close());

  const read = (etag?: string, query = '') =>
    service.ask({
      path: path + query,
      key: service.keys.metering,
      headers: etag === undefined ? {} : { 'if-none-match': etag },
    });
  const control = async (changes: Record<string, unknown> = {}) => {
    const json = {
      teamId: service.team.id,
      name: 'cap',
      metricType: 'TOKEN_COUNT',
      windowType: 'DAILY',
      hardLimit: 500,
      ...changes,
    };
    return (await service.ask({ path: '/v2/api/ai/cost-controls', json })).json;
  };

  it('is 204 while no control is enabled', async () => {
    expect([(await read()).status, (await read()).text]).toEqual([204, '']);
    const { id } = await control();
    expect((await read()).status).toBe(200);
    await service.ask({ path: `/v2/api/ai/cost-controls/${id}`, method: 'PATCH', json: { enabled: false } });
    expect((await read()).status).toBe(204);
  });

  it('carries the rule with its integer id, and the verdict that an event causes', async () => {
    const { id, feedRuleId } = await control();
    const before = await read();
    expect(before.json.rules).toEqual([
      expect.objectContaining({
        ruleId: feedRuleId,
        name: 'cap',
        metricType: 'TOKEN_COUNT',
        threshold: 500,
        currentValue: 0,
        breached: false,
        shadowMode: false,
        action: 'BLOCK',
        periodType: 'DAILY',
        filters: [],
      }),
    ]);
    expect(Number.isInteger(feedRuleId)).toBe(true);
    expect(String(feedRuleId)).not.toBe(id);
    const metered = await service.ask({ path: '/meter/v2/ai/completions', json: usageEvent() });
    const after = await read();
    expect(after.json.rules[0]).toMatchObject({ breached: true, currentValue: 508 });
    expect(after.headers['fusewire-revision']).toBe(metered.headers['fusewire-revision']);
    expect(Number(after.headers['fusewire-revision'])).toBeGreaterThan(Number(before.headers['fusewire-revision']));
  });

  it('is 304 for whoever has it, until it changes', async () => {
    await control();
    const { etag } = (await read()).headers as { etag: string };
    expect(etag).toMatch(/^(W\/)?".+"$/);
    const got = await read(etag);
    expect([got.status, got.text, got.headers['etag']]).toEqual([304, '', etag]);
    expect((await read(`"other", ${etag}`)).status).toBe(304);
    expect((await read('"other"')).status).toBe(200);
    await control({ name: 'second' });
    const changed = await read(etag);
    expect([changed.status, changed.json.rules.length]).toEqual([200, 2]);
    expect(changed.headers['etag']).not.toBe(etag);
  });

  it('is narrowed to one rule; an unknown one gives no rules', async () => {
    const { id } = await control();
    await control({ name: 'second' });
    const one = await read(undefined, `?ruleId=${id}`);
    expect([one.status, one.json.rules.map((rule: { name: string }) => rule.name)]).toEqual([200, ['cap']]);
    const none = await read(undefined, '?ruleId=nothing');
    expect([none.status, none.json.rules]).toEqual([200, []]);
  });

  it('takes a team id that is percent-encoded, and refuses one that is not its own', async () => {
    const encoded = [...service.team.id].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('');
    expect((await service.ask({ path: `/v2/api/ai/enforcement-rules/${encoded}` })).status).toBe(204);
    expect((await service.ask({ path: '/v2/api/ai/enforcement-rules/a%2Fb%2Bc' })).status).toBe(403);
  });
});

describe('If-None-Match', () => {
  it.each([
    [undefined, '"a"', false],
    ['"a"', '"a"', true],
    ['W/"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['*', '"a"', true],
    ['"b", "a"', '"a"', true],
    ['a', '"a"', true],
    ['"ab"', '"a"', false],
    ['', '"a"', false],
  ])('%j against %s is %s', (header, etag, expected) => {
    expect(isNoneMatch(header, etag)).toBe(expected);
  });

  it('is compared with a tag in quotes', () => {
    expect([quoted('a'), quoted('"a"'), quoted('W/"a"')]).toEqual(['"a"', '"a"', 'W/"a"']);
  });
});
