import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { openTestStore } from '../../helpers/stores.js';

const COMPLETIONS = '/meter/v2/ai/completions';

describe('U+0000', () => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(openTestStore);
  });
  afterEach(() => service.close());

  const stored = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 1 })).totalElements;

  it.each([
    ['agent', { agent: 'a\0b' }],
    ['subscriber.id', { subscriber: { id: '\0' } }],
    ['attributes.list.1', { attributes: { list: ['a', '\0'] } }],
    ['attributes.n\\u0000', { attributes: { 'n\0': 1 } }],
  ])('in a body is refused with its place: %s', async (field, fields) => {
    const got = await service.ask({ path: COMPLETIONS, json: usageEvent(fields) });
    expect([got.status, got.json.error]).toEqual([400, 'validation_failed']);
    expect(got.json[field]).toBe('must not contain the character U+0000');
    expect(await stored()).toBe(0);
  });

  it('is no harm where it is only spelled', async () => {
    const got = await service.ask({ path: COMPLETIONS, json: usageEvent({ agent: 'a\\u0000b' }) });
    expect(got.status).toBe(201);
  });

  it('spoils one item of a batch and not the others', async () => {
    const item = (fields: Record<string, unknown>) => ({ type: 'ai/completions', event: usageEvent(fields) });
    const got = await service.ask({ path: '/meter/v2/batch', json: [item({ agent: 'a\0' }), item({ agent: 'b' })] });
    expect(got.json.results.map(({ status }: { status: number }) => status)).toEqual([400, 201]);
    expect(got.json.results[0].body['event.agent']).toBe('must not contain the character U+0000');
    expect(await stored()).toBe(1);
  });

  it('in an address is refused', async () => {
    for (const path of ['/v2/api/ai/cost-controls?query=%00', '/v2/api/ai/cost-controls/a%00b']) {
      expect((await service.ask({ path })).status, path).toBe(400);
    }
  });
});
