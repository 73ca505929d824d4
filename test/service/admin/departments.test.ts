import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { departmentGroupOf } from '../../../service/compile/compiled-control.js';
import { DepartmentTree } from '../../../service/ledger/department-tree.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const DEPARTMENTS = '/v2/api/departments';
const WRITES = '/v2/api/fusewire/departments';
const PREVIEW = '/v2/api/ai/cost-controls/department-group-preview';

describe.each(STORES)('departments, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const create = async (name: string, parentId?: number): Promise<number> => {
    const got = await service.ask({ path: WRITES, json: { name, ...(parentId === undefined ? {} : { parentId }) } });
    expect(got.status, got.text).toBe(201);
    return got.json.id;
  };

  it('keeps trees: a list with paths, renamed, moved and deleted', async () => {
    const company = await create('Company');
    const research = await create('Research', company);
    const field = await create('Field', research);
    const moved = await service.ask({
      path: `${WRITES}/${field}`,
      method: 'PATCH',
      json: { parentId: company, name: 'Outside' },
    });
    expect(moved.json.path).toBe('Company/Outside');
    const { json } = await service.ask({ path: `/profitstream${DEPARTMENTS}?teamId=${service.team.id}` });
    expect(
      json.map(({ id, path, parentId }: { id: number; path: string; parentId: number | null }) => [id, path, parentId]),
    ).toEqual([
      [company, 'Company', null],
      [research, 'Company/Research', company],
      [field, 'Company/Outside', company],
    ]);
    const root = await service.ask({ path: `${WRITES}/${field}`, method: 'PATCH', json: { parentId: null } });
    expect(root.json).toMatchObject({ path: 'Outside', parentId: null });
    expect((await service.ask({ path: `${WRITES}/${company}`, method: 'DELETE' })).status).toBe(409);
    expect((await service.ask({ path: `${WRITES}/${research}`, method: 'DELETE' })).status).toBe(204);
    expect((await service.ask({ path: `${WRITES}/${research}`, method: 'DELETE' })).status).toBe(404);
    const audit = await service.store.listAudit(service.team.id, { page: 0, size: 50, subject: 'department' });
    expect(audit.items.map(({ action }) => action).reverse()).toEqual([
      'created',
      'created',
      'created',
      'updated',
      'updated',
      'deleted',
    ]);
  });

  it('previews the direct children of a parent, under both names, and creates nothing', async () => {
    const company = await create('Company');
    const research = await create('Research', company);
    await create('Field', research);
    const asked = { teamId: service.team.id, parentDepartmentId: company };
    const got = await service.ask({ path: PREVIEW, json: asked });
    expect(got.json).toEqual({
      targetCount: 1,
      targets: [{ id: research, label: 'Research', path: 'Company/Research' }],
    });
    const older = { teamId: service.team.id, parentOrgUnitId: String(company) };
    const path = '/v2/api/ai/cost-controls/org-unit-group-preview';
    expect((await service.ask({ path, json: older })).json.targetCount).toBe(1);
    expect((await service.ask({ path: PREVIEW, json: { parentDepartmentId: company } })).status).toBe(400);
    expect((await service.ask({ path: PREVIEW, json: { teamId: service.team.id } })).json.parentDepartmentId).toContain(
      'required',
    );
    expect((await service.ask({ path: PREVIEW, json: { ...asked, parentDepartmentId: 9_999 } })).status).toBe(404);
    expect((await service.ask({ path: DEPARTMENTS })).json).toHaveLength(3);
  });

  it('sets members whole; an address counts without case and belongs to one department', async () => {
    const one = await create('One');
    const two = await create('Two');
    const put = (id: number, members: unknown) =>
      service.ask({ path: `${WRITES}/${id}/members`, method: 'PUT', json: { members } });
    expect((await put(one, ['Rita@Example.org', 'rita@example.org', 'sam@example.org'])).json).toEqual({
      memberCount: 2,
    });
    expect((await put(two, ['sam@example.org'])).json).toEqual({ memberCount: 1 });
    const members = async (id: number) =>
      (await service.ask({ path: `${WRITES}/${id}/members` })).json._embedded.objectList;
    expect(await members(one)).toEqual([{ email: 'rita@example.org' }]);
    expect(await members(two)).toEqual([{ email: 'sam@example.org' }]);
    const bad = await put(one, ['rita@example.org', 'nobody']);
    expect([bad.status, bad.json['members.1']]).toEqual([400, 'must be an e-mail address']);
    expect(await members(one)).toHaveLength(1);
    expect((await put(9_999, [])).status).toBe(404);
    expect((await service.ask({ path: `${WRITES}/9999/members` })).status).toBe(404);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{}, 'name'],
    [{ name: 'a/b' }, 'name'],
    [{ name: 'x', parentId: 'research' }, 'parentId'],
    [{ name: 'x', parentId: 9_999 }, 'parentId'],
    [{ name: 'x'.repeat(256) }, 'name'],
  ])('refuses %j and names the field', async (json, field) => {
    const got = await service.ask({ path: WRITES, json });
    expect([got.status, Object.keys(got.json)]).toEqual([400, expect.arrayContaining([field])]);
    expect((await service.ask({ path: DEPARTMENTS })).json).toEqual([]);
  });

  it('refuses a circle, and a tree that grows too deep', async () => {
    let parent: number | undefined;
    const ids: number[] = [];
    for (let depth = 0; depth < 20; depth += 1) {
      parent = await create(`Level ${depth}`, parent);
      ids.push(parent);
    }
    expect((await service.ask({ path: WRITES, json: { name: 'Too deep', parentId: parent } })).json.parentId).toContain(
      '20 deep',
    );
    const circle = await service.ask({ path: `${WRITES}/${ids[0]}`, method: 'PATCH', json: { parentId: ids[5] } });
    expect([circle.status, circle.json.parentId]).toEqual([400, expect.stringContaining('below it')]);
  });

  it('shows and changes nothing of another team', async () => {
    const id = await create('Secret');
    const key = service.otherKeys.write;
    expect((await service.ask({ path: DEPARTMENTS, key })).json).toEqual([]);
    for (const ask of [
      { path: `${WRITES}/${id}`, method: 'PATCH' as const, json: { name: 'Mine' } },
      { path: `${WRITES}/${id}`, method: 'DELETE' as const },
      { path: `${WRITES}/${id}/members` },
      { path: `${WRITES}/${id}/members`, method: 'PUT' as const, json: { members: [] } },
    ]) {
      expect((await service.ask({ ...ask, key })).status, ask.path).toBe(404);
    }
    expect((await service.ask({ path: WRITES, key, json: { name: 'Below', parentId: id } })).status).toBe(400);
    expect((await service.ask({ path: DEPARTMENTS })).json).toMatchObject([{ id, name: 'Secret' }]);
  });
});

describe('a tree of departments', () => {
  const at = (id: number, parentId: number | null) => ({
    id,
    parentId,
    name: `d${id}`,
    source: 'MANUAL',
    externalRef: null,
  });
  const tree = new DepartmentTree([at(1, null), at(2, 1), at(3, 2), at(4, 1), at(5, null)]);

  it('knows lines, descendants and the child on the way down', () => {
    expect(tree.pathOf(3)).toBe('d1/d2/d3');
    expect(tree.withDescendants(1)).toEqual([1, 2, 3, 4]);
    const below = { dimension: 'DEPARTMENT', operator: 'IS', value: '1', includeDescendants: true } as const;
    const childOf = (id: number) => {
      const line = tree.lineOf(id).map((department) => department.id);
      return departmentGroupOf({ filters: [below] }, line);
    };
    expect([childOf(3), childOf(1), childOf(5), childOf(9)]).toEqual(['2', '1', undefined, undefined]);
    expect(tree.isWithin(3, 1)).toBe(true);
    expect(tree.isWithin(5, 1)).toBe(false);
  });
});
