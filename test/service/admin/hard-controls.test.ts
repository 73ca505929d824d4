import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const PATH = '/v2/api/ai/cost-controls';
const DEFAULTS = {
  ...{
    enforcement: 'HARD',
    onExpiry: 'charge',
    estimate: 'worst-case',
    whenExhausted: 'cut',
    onUnknownPrice: 'refuse',
  },
  ...{ assumedOutputTokens: 4_096, outputLimit: 'inject', clampOutput: false, downgradeTo: null, throttleMs: null },
};
const SETTINGS = {
  ...{ onExpiry: 'release', estimate: 'expected', whenExhausted: 'finish', assumedOutputTokens: 1_000_000 },
  ...{ outputLimit: 'assume', clampOutput: true, downgradeTo: 'gpt-4o-mini', throttleMs: 60_000 },
};

describe.each(STORES)('hard controls over the API, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const create = (changes: Record<string, unknown> = {}) => {
    const base = { name: 'cap', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 10, enforcement: 'HARD' };
    return service.ask({ path: PATH, json: { teamId: service.team.id, ...base, ...changes } });
  };
  const patch = (id: string, json: unknown) => service.ask({ path: `${PATH}/${id}`, method: 'PATCH', json });
  const read = (id: string) => service.ask({ path: `${PATH}/${id}` });

  it('I7: have the defaults that never overspend, and keep what is written', async () => {
    const plain = await create();
    expect([plain.status, plain.json]).toEqual([201, expect.objectContaining(DEFAULTS)]);
    const full = await create({ ...SETTINGS, onUnknownPrice: 'flag' });
    expect(full.json).toMatchObject({ ...SETTINGS, onUnknownPrice: 'flag' });
    expect((await read(full.json.id)).json).toEqual(full.json);
    const less = await patch(full.json.id, { downgradeTo: null, throttleMs: null, clampOutput: false });
    expect(less.json).toMatchObject({ ...SETTINGS, downgradeTo: null, throttleMs: null, clampOutput: false });
  });

  it('become polled and hard again; what holds needed goes with them', async () => {
    const { json: made } = await create({ ...SETTINGS, enforcement: 'HARD', onUnknownPrice: 'flag' });
    const polled = await patch(made.id, { enforcement: 'POLLED' });
    expect(polled.json).toMatchObject({ enforcement: 'POLLED', onExpiry: null, clampOutput: null, downgradeTo: null });
    // Who writes back what it read changes nothing.
    const again = await patch(made.id, polled.json);
    expect([again.status, { ...again.json, updated: '' }]).toEqual([200, { ...polled.json, updated: '' }]);
    expect((await patch(made.id, { enforcement: 'HARD' })).json).toMatchObject(DEFAULTS);
    expect((await patch(made.id, { enforcement: 'POLLED' })).json).toMatchObject({ onUnknownPrice: 'refuse' });
    const kept = await patch(made.id, { enforcement: 'HARD', onUnknownPrice: 'flag' });
    expect(kept.json).toMatchObject({ enforcement: 'HARD', onUnknownPrice: 'flag' });
  });

  it('are refused where they make no sense, with the field and the reason', async () => {
    const model = (operator: string, more: object) => [{ dimension: 'MODEL', operator, ...more }];
    const wrong: [Record<string, unknown>, string][] = [
      [{ enforcement: 'SOFT' }, 'enforcement'],
      [{ metricType: 'ERROR_COUNT' }, 'enforcement'],
      [{ metricType: 'CREDITS_CONSUMED' }, 'enforcement'],
      [{ assumedOutputTokens: 0 }, 'assumedOutputTokens'],
      [{ assumedOutputTokens: 1_000_001 }, 'assumedOutputTokens'],
      [{ assumedOutputTokens: 1.5 }, 'assumedOutputTokens'],
      [{ throttleMs: 0 }, 'throttleMs'],
      [{ throttleMs: 60_001 }, 'throttleMs'],
      [{ estimate: 'guess' }, 'estimate'],
      [{ onExpiry: 'keep' }, 'onExpiry'],
      [{ downgradeTo: ' ' }, 'downgradeTo'],
      [{ downgradeTo: 'o3', filters: model('IS', { value: 'o3' }) }, 'downgradeTo'],
      [{ downgradeTo: 'o3', filters: model('IN', { values: ['o3'] }) }, 'downgradeTo'],
      [{ downgradeTo: 'o3', metricType: 'TOKEN_COUNT' }, 'downgradeTo'],
      [{ clampOutput: true, metricType: 'INPUT_TOKEN_COUNT' }, 'clampOutput'],
      ...Object.entries(SETTINGS).map(([field, value]): [Record<string, unknown>, string] => [
        { enforcement: 'POLLED', [field]: value },
        field,
      ]),
    ];
    for (const [changes, field] of wrong) {
      const got = await create(changes);
      expect([changes, got.status, Object.keys(got.json)]).toEqual([changes, 400, expect.arrayContaining([field])]);
    }
    const { json: polled } = await create({ enforcement: 'POLLED' });
    expect((await patch(polled.id, { clampOutput: true })).status).toBe(400);
    expect((await patch(polled.id, { clampOutput: true, enforcement: 'HARD' })).status).toBe(200);
    expect((await create({ downgradeTo: 'o3', metricType: 'TOKEN_COUNT', groupBy: 'MODEL' })).status).toBe(201);
    expect((await create({ downgradeTo: 'mini', filters: model('IS', { value: 'o3' }) })).status).toBe(201);
  });

  it('are raised, shown and explained, in both path families, for the own team only', async () => {
    const { json: made } = await create();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const path = `/profitstream${PATH}/${made.id}/raises`;
    const raised = await service.ask({ path, json: { amount: 2.5, until, reason: ' launch ' } });
    expect([raised.status, raised.json]).toEqual([
      201,
      expect.objectContaining({ amount: '2.5', until, reason: 'launch', ended: null, controlId: made.id }),
    ]);
    expect((await read(made.id)).json).toMatchObject({ hardLimit: 10, raised: 2.5, raisedUntil: until });
    const listed = await service.ask({ path: `${PATH}/${made.id}/raises` });
    expect(listed.json._embedded.objectList).toEqual([raised.json]);
    const { json: explained } = await service.ask({ path: '/v2/api/fusewire/explain?model=gpt-4o' });
    expect(explained.controls[0]).toMatchObject({
      ...{ enforcement: 'HARD', limit: '10', raised: '2.5', held: '0', holds: [] },
      equation: '$0.00 + $0.00 held < $10.00 + $2.50 raised: passes',
      raises: [{ raiseId: raised.json.id, amount: '2.5', reason: 'launch' }],
    });
    for (const json of [
      {},
      { amount: 1, until },
      { amount: 0, until, reason: 'x' },
      { amount: 1, until: 'soon', reason: 'x' },
    ]) {
      expect((await service.ask({ path, json })).status).toBe(400);
    }
    const other = await service.store.createTeam('others');
    const theirs = await service.store.createControl(other.id, {
      ...(await service.store.getControl(service.team.id, made.id))!,
    });
    expect((await service.ask({ path: `${PATH}/${theirs.id}/raises` })).status).toBe(403);
    expect(
      (await service.ask({ path: `${PATH}/nothing/raises`, json: { amount: 1, until, reason: 'x' } })).status,
    ).toBe(404);
    const one = `${path}/${raised.json.id}`;
    expect((await service.ask({ path: one, method: 'DELETE' })).status).toBe(204);
    expect((await service.ask({ path: one, method: 'DELETE' })).status).toBe(404);
    expect((await read(made.id)).json).toMatchObject({ raised: 0, raisedUntil: null });
  });

  it('are budgets of customers too', async () => {
    const json = { name: 'Ann', email: 'ann@example.com', budget: { amount: '25', hard: true } };
    const made = await service.ask({ path: '/v2/api/customers', json });
    expect(made.json.budget).toMatchObject({ amount: '25', hard: true, raised: '0' });
    expect((await read(made.json.budget.controlId)).json).toMatchObject(DEFAULTS);
    const change = (budget: unknown) => service.ask({ path: '/v2/api/customers/1', method: 'PATCH', json: { budget } });
    expect((await change({ hard: false })).json.budget.hard).toBe(false);
    expect((await change('30')).json.budget).toMatchObject({ amount: '30', hard: false });
    expect((await change({ hard: true })).json.budget.hard).toBe(true);
  });
});
