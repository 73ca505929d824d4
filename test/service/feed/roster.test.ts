import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { CostControlInput } from '../../../service/store/store.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { control, event } from '../store-support.js';

describe('the roster', () => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture((options) => openSqliteStore({ ...options, inProcess: true }));
  });
  afterEach(() => service.close());

  const make = async (fields: Partial<CostControlInput> = {}) =>
    (
      await service.store.createControl(
        service.team.id,
        control({ groupBy: 'SUBSCRIBER', hardLimit: '10', warnThreshold: '5', ...fields }),
      )
    ).id;
  const read = (query: string, prefix = '/v2/api') =>
    service.ask({
      path: `${prefix}/ai/enforcement-rules/${service.team.id}/roster?${query}`,
      key: service.keys.metering,
    });
  const labels = async (query: string) =>
    ((await read(query)).json?.rows ?? []).map(({ label }: { label: string }) => label);
  const spend = (people: readonly (readonly [string, number, string?])[]) =>
    service.store.recordEvents(
      service.team.id,
      people.map(([id, totalCost, email]) =>
        event(Date.now(), { totalCost, subscriber: { id, ...(email && { email }) } }),
      ),
    );

  it('is 204 before anybody was counted, and says then where everybody stands, on every path', async () => {
    const id = await make();
    expect([(await read(`ruleId=${id}`)).status, (await read(`ruleId=${id}`)).text]).toEqual([204, '']);
    await spend([
      ['u-1', 12, 'Rita@example.org'],
      ['u-2', 6],
      ['u-3', 1.5],
    ]);
    const expected = {
      rows: [
        { key: 'u-1', label: 'u-1', email: 'Rita@example.org', spend: 12, limit: 10, percent: 120, band: 'BLOCKED' },
        { key: 'u-2', label: 'u-2', spend: 6, limit: 10, percent: 60, band: 'WARNED' },
        { key: 'u-3', label: 'u-3', spend: 1.5, limit: 10, percent: 15, band: 'UNDER' },
      ],
      window: expect.stringMatching(/^DAILY:\d{4}-\d\d-\d\d$/),
      threshold: 10,
      blockedCount: 1,
      warnedCount: 1,
      underCount: 1,
    };
    for (const prefix of ['/v2/api', '/profitstream/v2/api', '/meter/v2/api']) {
      const answer = await read(`ruleId=${id}`, prefix);
      expect([answer.status, answer.json]).toEqual([200, expected]);
    }
  });

  it('pages, sorts, searches and narrows, while the counts stay those of all', async () => {
    const id = await make();
    await spend([
      ['c', 12],
      ['a', 6, 'Zed@example.org'],
      ['b', 7],
      ['100%', 1],
    ]);
    await spend([['b', 0.5]]);
    expect(await labels(`ruleId=${id}&sort=SPEND`)).toEqual(['c', 'b', 'a', '100%']);
    expect(await labels(`ruleId=${id}&sort=PERCENT&page=1&size=3`)).toEqual(['100%']);
    expect(await labels(`ruleId=${id}&sort=NAME&page=1&size=2`)).toEqual(['b', 'c']);
    expect((await labels(`ruleId=${id}&sort=LAST_EVENT`))[0]).toBe('b');
    expect(await labels(`ruleId=${id}&search=zED@`)).toEqual(['a']);
    expect(await labels(`ruleId=${id}&search=%25`)).toEqual(['100%']);
    const warned = await read(`ruleId=${id}&band=WARNED`);
    expect(warned.json.rows.map(({ label }: { label: string }) => label)).toEqual(['b', 'a']);
    expect(warned.json).toMatchObject({ blockedCount: 1, warnedCount: 2, underCount: 1 });
    expect(await labels(`ruleId=${id}&band=ALL&page=9`)).toEqual([]);
  });

  it('is put together from parts where there are many groups', async () => {
    const id = await make({ hardLimit: '1000', warnThreshold: null });
    const people = Array.from(
      { length: 11_000 },
      (_, n) => [`u-${String(n).padStart(5, '0')}`, (n % 1_000) + (n + 1) / 1e5] as const,
    );
    for (let start = 0; start < people.length; start += 1_000) await spend(people.slice(start, start + 1_000));
    const bySpend = [...people].sort((a, b) => b[1] - a[1]).map(([name]) => name);
    expect(await labels(`ruleId=${id}&sort=SPEND&size=200&page=5`)).toEqual(bySpend.slice(1_000, 1_200));
    expect(await labels(`ruleId=${id}&sort=NAME&size=3&page=2000`)).toEqual(
      people.slice(6_000, 6_003).map(([name]) => name),
    );
    expect((await read(`ruleId=${id}`)).json).toMatchObject({ blockedCount: 0, underCount: 11_000 });
  });

  it('calls departments by their names', async () => {
    const { store, team } = service;
    const root = await store.createDepartment(team.id, { name: 'All', parentId: null });
    const west = await store.createDepartment(team.id, { name: 'West', parentId: root.id });
    const east = await store.createDepartment(team.id, { name: 'East', parentId: root.id });
    await store.setMembers(team.id, west.id, ['w@example.org']);
    await store.setMembers(team.id, east.id, ['e@example.org']);
    const id = await make({ groupBy: 'DEPARTMENT' });
    await spend([
      ['u1', 12, 'w@example.org'],
      ['u2', 1, 'e@example.org'],
    ]);
    const query = `ruleId=${id}&dimension=DEPARTMENT`;
    expect(await labels(`${query}&sort=SPEND`)).toEqual(['West', 'East']);
    expect(await labels(`${query}&sort=NAME`)).toEqual(['East', 'West']);
    expect(await labels(`${query}&sort=LAST_EVENT&size=1`)).toHaveLength(1);
    expect(await labels(`${query}&search=wes`)).toEqual(['West']);
    expect((await read(query)).json.rows[0].key).toBe(String(west.id));
  });

  it('names what is wrong with a question', async () => {
    const grouped = await make();
    const pooled = await make({ groupBy: null, warnThreshold: null });
    expect((await read('')).json.ruleId).toBe('ruleId is required');
    for (const [query, field] of [
      ['size=0', 'size'],
      ['size=201', 'size'],
      ['page=-1', 'page'],
      ['page=x', 'page'],
      ['band=RED', 'band'],
      ['sort=SIZE', 'sort'],
      ['dimension=MODEL', 'dimension'],
    ] as const) {
      const answer = await read(`ruleId=${grouped}&${query}`);
      expect([answer.status, typeof answer.json[field]], query).toEqual([400, 'string']);
    }
    expect((await read(`ruleId=${pooled}`)).status).toBe(404);
    expect((await read('ruleId=nobody')).status).toBe(404);
    const mismatch = await read(`ruleId=${grouped}&dimension=DEPARTMENT`);
    expect([mismatch.status, mismatch.json.dimension]).toEqual([422, expect.stringContaining('SUBSCRIBER')]);
  });
});
