import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { repriced } from '../repricing-support.js';

const PATH = '/v2/api/fusewire/prices';

describe.each(STORES)('prices over HTTP, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());
  const get = async (path: string) => (await service.ask({ path: `${PATH}${path}` })).json;
  const post = (path: string, json: unknown) => service.ask({ method: 'POST', path: `${PATH}${path}`, json });
  const declare = (fields: Record<string, unknown>) => post('', { kind: 'rates', provider: 'OPENAI', ...fields });

  it('a price is found with its source, its tiers, and what it does not say', async () => {
    const listed = await get('/lookup?provider=ANTHROPIC&model=claude-sonnet-4-5');
    expect(listed).toMatchObject({
      kind: 'rates',
      sourceKind: 'catalogue',
      source: `catalogue:anthropic/claude-sonnet-4-5@${listed.catalogueVersion}`,
      inputPerMillion: 3,
      cacheWrite1hPerMillion: 6,
      tiers: [{ aboveTokens: 200_000, inputPerMillion: 6, outputPerMillion: 22.5 }],
      catalogue: { entry: 'anthropic/claude-sonnet-4-5', held: false },
    });
    expect(listed.unknown).toContain('perImage');
    const declared = (await declare({ model: 'own', inputPerMillion: 1, perAudioMinute: '0.006' })).json;
    expect(declared).toMatchObject({ perAudioHour: 0.36, perAudioSecond: 0.0001, state: 'current', reachesBack: true });
    expect(declared.declaredBy).toMatch(/^key test \(…/);
    expect(await get('/lookup?provider=openai&model=OWN')).toMatchObject({
      sourceKind: 'override',
      source: `override:${declared.id}`,
      override: { id: declared.id },
      catalogue: null,
    });
    expect(await get('/lookup?provider=openai&model=own&serviceTier=batch')).toMatchObject({
      kind: 'unknown',
      source: null,
    });
    expect(await get('/lookup?provider=HOMEBREW&model=gpt-4o')).toMatchObject({ kind: 'unknown', sourceKind: 'none' });
    const ollama = await get('/lookup?provider=OLLAMA&model=llama3.2');
    expect(ollama).toMatchObject({ kind: 'free', override: { declaredBy: 'made with the team' }, unknown: [] });
    expect(ollama.override.created).toMatch(/^\d{4}-/);
  });

  it('tiers, images and a range are kept as they were written', async () => {
    const written = {
      model: 'tiered',
      serviceTier: 'Batch',
      inputPerMillion: 1.25,
      outputPerMillion: 10,
      tiers: [
        { aboveTokens: 500_000, inputPerMillion: 5 },
        { aboveTokens: 200_000, inputPerMillion: 2.5, outputPerMillion: 15 },
      ],
      images: [{ quality: 'hd', resolution: '1024x1024', perImage: 0.08 }],
      validFrom: '2027-01-01T00:00:00+01:00',
      validUntil: '2027-02-01T00:00:00Z',
    };
    const { status, json } = await declare(written);
    expect([status, json.state, json.serviceTier]).toEqual([201, 'planned', 'batch']);
    expect(json.tiers.map((tier: { aboveTokens: number }) => tier.aboveTokens)).toEqual([200_000, 500_000]);
    expect(json.tiers[0]).toMatchObject({ inputPerMillion: 2.5, outputPerMillion: 15 });
    expect(json.images).toEqual([{ quality: 'hd', resolution: '1024x1024', perImage: 0.08 }]);
    expect([json.validFrom, json.validUntil]).toEqual(['2026-12-31T23:00:00.000Z', '2027-02-01T00:00:00.000Z']);
    expect((await service.ask({ method: 'DELETE', path: `${PATH}/${json.id}` })).status).toBe(204);
    expect((await service.ask({ method: 'DELETE', path: `${PATH}/${json.id}` })).status).toBe(404);
  });

  it.each([
    [{ perAudioMinute: 1, perAudioHour: 60 }, 'perAudioMinute', 'says the same as another one'],
    [
      { outputPerMillion: 1, tiers: [{ aboveTokens: 5, inputPerMillion: 1 }] },
      'tiers.0.inputPerMillion',
      'needs inputPerMillion outside of the tiers',
    ],
    [{ inputPerMillion: 1, tiers: [{ aboveTokens: 0 }] }, 'tiers.0.aboveTokens', 'must be at least 1'],
    [
      { inputPerMillion: 1, tiers: [{ aboveTokens: 9 }, { aboveTokens: 9 }] },
      'tiers.1.aboveTokens',
      'stands there twice',
    ],
    [{ images: [{ perImage: 1 }] }, 'images.0.quality', 'needs a quality or a resolution'],
    [{ images: [{ quality: 'hd' }] }, 'images.0.perImage', 'perImage is required'],
    [{ inputPerMillion: 1, validFrom: 'soon' }, 'validFrom', 'must be a time like 2026-11-21T00:00:00Z'],
    [
      { inputPerMillion: 1, validFrom: '2027-01-01T00:00:00Z', validUntil: '2027-01-01T00:00:00Z' },
      'validUntil',
      'must be after validFrom',
    ],
    [{ kind: 'free', tiers: [] }, 'tiers', "has no place beside kind 'free'"],
  ])('a price like %j is refused and changes nothing', async (fields, field, problem) => {
    const before = await get('');
    const got = await declare({ model: 'm', ...fields });
    expect([got.status, got.json[field]]).toEqual([400, problem]);
    expect(await get('')).toEqual(before);
  });

  it('a price list shows its difference, changes nothing, and is accepted but for what is held back', async () => {
    await declare({ model: 'a', inputPerMillion: 1 });
    const prices = [
      { model: 'a', provider: 'openai', kind: 'rates', inputPerMillion: 15 },
      { model: 'gpt-4o', provider: 'openai', kind: 'rates', inputPerMillion: 2.5, outputPerMillion: 12 },
      { model: 'fresh', kind: 'free' },
    ];
    const draft = (await post('/imports', { name: 'October', prices })).json;
    expect(draft).toMatchObject({ state: 'draft', counts: { added: 2, changed: 1, removed: 0, unchanged: 0 } });
    expect(draft.heldBack).toEqual(['openai/a']);
    expect(draft.changes[0]).toMatchObject({ moves: [{ rate: 'inputPerMillion', old: 1, new: 15, ratio: 15 }] });
    expect(draft.changes[1]).toMatchObject({ oldSource: expect.stringMatching(/^catalogue:openai\/gpt-4o@/) });
    expect((await get('')).page.totalElements).toBe(2);
    expect((await get('/imports'))._embedded.objectList).toEqual([draft]);

    const unheld = await post(`/imports/${draft.id}/accept`, { confirm: ['openai/a', 'openai/gpt-4o'] });
    expect([unheld.status, unheld.json['confirm.1']]).toEqual([
      400,
      "names nothing that is held back: 'openai/gpt-4o'",
    ]);
    const accepted = await post(`/imports/${draft.id}/accept`, undefined);
    expect([accepted.status, accepted.json.state, accepted.json.heldBack]).toEqual([200, 'partly', ['openai/a']]);
    expect((await get('/lookup?provider=openai&model=a')).inputPerMillion).toBe(1);
    expect((await get('/lookup?provider=openai&model=gpt-4o')).outputPerMillion).toBe(12);
    const confirmed = await post(`/imports/${draft.id}/accept`, { confirm: ['openai/a'] });
    expect([confirmed.json.state, confirmed.json.heldBack]).toEqual(['accepted', []]);
    expect((await get('/lookup?provider=openai&model=a')).inputPerMillion).toBe(15);
    expect(await get(`/imports/${draft.id}`)).toEqual(confirmed.json);
    expect((await post(`/imports/${draft.id}/accept`, {})).status).toBe(409);
  });

  it('a list that disagrees with prices of later on, with itself, or with the form is refused', async () => {
    const prices = [{ model: 'a', kind: 'free' }];
    const draft = (await post('/imports', { prices })).json;
    await declare({ model: 'b', inputPerMillion: 1 });
    expect((await post(`/imports/${draft.id}/accept`, {})).json).toMatchObject({ error: 'stale' });
    expect((await post('/imports/nothing/accept', {})).status).toBe(404);
    const twice = await post('/imports', { prices: [...prices, { model: 'A', kind: 'free' }] });
    expect([twice.status, twice.json['prices.1.model']]).toEqual([400, 'is listed already as prices.0']);
    const bad = await post('/imports', { prices: [{ model: 'a', kind: 'rates', inputPerMillion: -1 }] });
    expect([bad.status, bad.json['prices.0.inputPerMillion']]).toEqual([400, 'must not be negative']);
    expect((await post('/imports', { prices: [] })).json['prices']).toBe('must have at least one price');
    const other = await service.ask({ path: `${PATH}/imports/${draft.id}`, key: service.otherKeys.write });
    expect(other.status).toBe(404);
    expect((await service.ask({ path: PATH, key: service.keys.metering })).status).toBe(403);
  });

  it('events without a price are priced again, with every price on record', async () => {
    const event = usageEvent({ transactionId: 'tx/1', model: 'own', requestTime: new Date().toISOString() });
    expect((await service.ask({ path: '/meter/v2/ai/completions', json: event })).status).toBe(201);
    await declare({ model: 'own', inputPerMillion: 1, outputPerMillion: 1 });
    await repriced(service.store, service.team.id);
    const entries = (await get('/entries/tx%2F1'))._embedded.objectList;
    expect(
      entries.map((entry: Record<string, unknown>) => [entry['version'], entry['priceState'], entry['amountUsd']]),
    ).toEqual([
      [1, 'unknown', 0],
      [2, 'known', 0.000508],
    ]);
    const started = await post('/reprice', { reason: 'audit', scope: 'all', from: '2026-01-01T00:00:00Z' });
    expect([started.status, started.json.state, started.json.scope]).toEqual([202, 'waiting', 'all']);
    await repriced(service.store, service.team.id);
    const runs = await get('/reprice?size=1');
    expect(runs.page.totalElements).toBe(2);
    expect(runs._embedded.objectList[0]).toMatchObject({ reason: 'audit', state: 'done', examined: 1, repriced: 0 });
    expect((await post('/reprice', {})).json['reason']).toBe('reason is required');
    const range = { reason: 'x', from: '2026-02-01T00:00:00Z', until: '2026-01-01T00:00:00Z' };
    expect((await post('/reprice', range)).json['until']).toBe('must be after from');
    expect((await service.ask({ path: `${PATH}/entries/none` })).status).toBe(404);
  });

  it('the catalogue shows the models that were used; what is not held cannot be confirmed', async () => {
    await service.ask({ path: '/meter/v2/ai/completions', json: usageEvent() });
    const status = await get('/catalogue');
    expect(status).toMatchObject({ held: [], models: [{ name: 'openai/gpt-4o-mini', state: 'same', moves: [] }] });
    expect(status.versions.map(({ version }: { version: string }) => version)).toContain(status.installed);
    const refused = await post('/catalogue/accept', { confirm: ['openai/gpt-4o-mini'] });
    expect([refused.status, refused.json['confirm.0']]).toEqual([
      400,
      "names nothing that is held back: 'openai/gpt-4o-mini'",
    ]);
    expect((await post('/catalogue/accept', { confirm: ['*'] })).status).toBe(200);
  });
});
