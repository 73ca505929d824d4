import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { sheet } from '../pricing-support.js';

const PATH = '/v2/api/fusewire/prices';

describe.each(STORES)('declared prices, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  it('are kept to the pico-dollar and shown as they were written', async () => {
    const json = {
      model: 'my-model',
      provider: 'OPENAI',
      kind: 'rates',
      inputPerMillion: '0.15',
      outputPerMillion: 0.000001,
      perRequest: '0.000000000001',
    };
    const got = await service.ask({ path: PATH, json });
    expect(got.status).toBe(201);
    expect(got.json).toMatchObject({
      model: 'my-model',
      provider: 'OPENAI',
      kind: 'rates',
      inputPerMillion: 0.15,
      outputPerMillion: 0.000001,
      perRequest: 1e-12,
      cacheReadPerMillion: null,
    });
    const kept = (await service.store.listPrices(service.team.id)).find(({ model }) => model === 'my-model');
    expect(kept?.rates).toEqual(sheet({ input: 150_000n, output: 1n, request: 1n }));
    expect((await service.ask({ path: PATH })).json._embedded.objectList).toContainEqual(got.json);
  });

  it('may say that a model is free, of any provider', async () => {
    const got = await service.ask({ path: PATH, json: { model: 'llama3.2', kind: 'free', provider: '' } });
    expect([got.status, got.json.kind, got.json.provider, got.json.inputPerMillion]).toEqual([201, 'free', null, null]);
  });

  it.each([
    [{ kind: 'free' }, 'model', 'model is required'],
    [{ model: 'm', kind: 'cheap' }, 'kind', "must be 'free' or 'rates'"],
    [{ model: 'm', kind: 'rates' }, 'inputPerMillion', "kind 'rates' needs at least one rate"],
    [{ model: 'm', kind: 'free', perRequest: 1 }, 'perRequest', "has no place beside kind 'free'"],
    [{ model: 'm', kind: 'rates', inputPerMillion: -1 }, 'inputPerMillion', 'must not be negative'],
    [{ model: 'm', kind: 'rates', inputPerMillion: '0.0000001' }, 'inputPerMillion', 'must have at most 6 decimals'],
    [{ model: 'm', kind: 'rates', outputPerMillion: 'x' }, 'outputPerMillion', 'must be a number'],
  ])('are refused as %j', async (json, field, problem) => {
    const got = await service.ask({ path: PATH, json });
    expect([got.status, got.json[field]]).toEqual([400, problem]);
  });
});
