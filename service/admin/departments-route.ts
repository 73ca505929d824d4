/**
 * The directory of departments: its list (contract 4.6), the preview of a grouped control, and its writing, which is an
 * extension of Fusewire.
 */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { ApiError, invalidFields } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import { MEMBERS_MAX } from '../ledger/departments.js';

const LIST = 'objectList';
/** A request that sets all members of a large department. */
const MEMBERS_BYTES_MAX = 4 * 1_048_576;
const config = { access: 'write' as const };
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema, 409: errorSchema };
const query = z.object(teamQuery);

const name = z
  .string({ error: ({ input }) => (input === undefined ? 'name is required' : 'must be text') })
  .trim()
  .min(1, { error: 'must not be empty' })
  .max(255, { error: 'must have at most 255 characters' })
  .refine((text) => !text.includes('/'), { error: 'must not hold a slash, which parts the names of a path' });
const parentId = z.coerce.number({ error: 'must be the id of a department' }).int({ error: 'must be a whole number' });
const externalRef = z.string({ error: 'must be text' }).max(255, { error: 'must have at most 255 characters' });
const departmentSchema = z.object({
  id: z.int(),
  name: z.string(),
  parentId: z.int().nullable(),
  path: z.string(),
  source: z.string(),
  externalRef: z.string().nullable(),
});
const createSchema = z.object(
  {
    teamId: z.string().nullish(),
    name,
    parentId: parentId.nullish(),
    source: z.string().max(64).optional(),
    externalRef: externalRef.nullish(),
  },
  { error: 'the body must be a JSON object: a department' },
);
const patchSchema = z.object(
  {
    teamId: z.string().nullish(),
    name: name.optional(),
    parentId: parentId.nullish(),
    externalRef: externalRef.nullish(),
  },
  { error: 'the body must be a JSON object: what changes of the department' },
);
const membersSchema = z.object(
  {
    teamId: z.string().nullish(),
    members: z
      .array(z.email({ error: 'must be an e-mail address' }), { error: 'members must be a list of e-mail addresses' })
      .max(MEMBERS_MAX, { error: `at most ${MEMBERS_MAX} members can be set at once` }),
  },
  { error: 'the body must be a JSON object with members' },
);
const previewSchema = z.object(
  {
    teamId: z.string({ error: 'teamId is required' }),
    parentDepartmentId: parentId.optional(),
    parentOrgUnitId: parentId.optional().describe('the older name'),
  },
  { error: 'the body must be a JSON object with teamId and parentDepartmentId' },
);
const params = z.object({ id: z.coerce.number({ error: 'must be the id of a department' }).int() });

/** Registers the directory under a path family. */
export function installDepartments(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  installReads(api, context, prefix, !described);
  installWrites(api, context, `${prefix}/fusewire/departments`, !described);
  installMembers(api, context, `${prefix}/fusewire/departments/:id/members`, !described);
}

function installReads(api: Api, { store }: ServiceContext, prefix: string, hide: boolean): void {
  const common = { tags: ['departments'], hide };
  api.get(
    `${prefix}/departments`,
    {
      config,
      schema: {
        ...common,
        summary: 'All departments',
        querystring: query,
        response: { 200: z.array(departmentSchema), ...errors },
      },
    },
    async (request) => [...(await store.listDepartments(ownTeam(callerOf(request), [request.query.teamId])))],
  );
  for (const path of ['department-group-preview', 'org-unit-group-preview']) {
    const target = z.object({ id: z.int(), label: z.string(), path: z.string() });
    api.post(
      `${prefix}/ai/cost-controls/${path}`,
      {
        config,
        schema: {
          ...common,
          summary: 'The departments that a control grouped below a parent would have budgets for; creates nothing',
          body: previewSchema,
          response: { 200: z.object({ targetCount: z.int(), targets: z.array(target) }), ...errors },
        },
      },
      async (request) => {
        const teamId = ownTeam(callerOf(request), [request.body.teamId], true);
        const parent = request.body.parentDepartmentId ?? request.body.parentOrgUnitId;
        if (parent === undefined) {
          throw invalidFields([{ field: 'parentDepartmentId', problem: 'parentDepartmentId is required' }]);
        }
        const all = await store.listDepartments(teamId);
        if (!all.some(({ id }) => id === parent)) throw unknownDepartment();
        const targets = all
          .filter((department) => department.parentId === parent)
          .map((department) => ({ id: department.id, label: department.name, path: department.path }));
        return { targetCount: targets.length, targets };
      },
    );
  }
}

function installWrites(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['departments'], hide };
  api.post(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Create',
        querystring: query,
        body: createSchema,
        response: { 201: departmentSchema, ...errors },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { teamId: named, parentId: parent, externalRef: reference, ...rest } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const { source } = rest;
      const input = {
        name: rest.name,
        parentId: parent ?? null,
        externalRef: reference ?? null,
        ...(source === undefined ? {} : { source }),
      };
      return reply.code(201).send(await store.createDepartment(teamId, input, keyActor(caller.key)));
    },
  );
  api.patch(
    `${path}/:id`,
    {
      config,
      schema: {
        ...common,
        summary: 'Rename or move',
        params,
        querystring: query,
        body: patchSchema,
        response: { 200: departmentSchema, ...errors },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { teamId: named, name: newName, ...rest } = request.body;
      const teamId = ownTeam(caller, [named, request.query.teamId]);
      const patch = {
        ...(newName === undefined ? {} : { name: newName }),
        ...(rest.parentId === undefined ? {} : { parentId: rest.parentId }),
        ...(rest.externalRef === undefined ? {} : { externalRef: rest.externalRef }),
      };
      const changed = await store.updateDepartment(teamId, request.params.id, patch, keyActor(caller.key));
      if (changed === undefined) throw unknownDepartment();
      return changed;
    },
  );
  api.delete(
    `${path}/:id`,
    {
      config,
      schema: { ...common, summary: 'Delete', params, querystring: query, response: { 204: z.undefined(), ...errors } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      if (!(await store.deleteDepartment(teamId, request.params.id, keyActor(caller.key)))) throw unknownDepartment();
      return reply.code(204).send();
    },
  );
}

function installMembers(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['departments'], hide };
  const row = z.object({ email: z.string() });
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Members',
        params,
        querystring: z.object({ ...teamQuery, ...pageQuery }),
        response: { 200: envelopeSchema(LIST, row), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const page = { page: request.query.page, size: boundedSize(request.query.size) };
      const { id } = request.params;
      const found = await store.listMembers(teamId, id, page);
      if (found.totalElements === 0) await refuseUnknown(teamId, id);
      return envelope(
        LIST,
        found.items.map((email) => ({ email })),
        found,
        page,
      );
    },
  );
  api.put(
    path,
    {
      config,
      bodyLimit: MEMBERS_BYTES_MAX,
      schema: {
        ...common,
        summary: 'Replace all members',
        params,
        querystring: query,
        body: membersSchema,
        response: { 200: z.object({ memberCount: z.int() }), ...errors },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const memberCount = await store.setMembers(teamId, request.params.id, request.body.members, keyActor(caller.key));
      if (memberCount === undefined) throw unknownDepartment();
      return { memberCount };
    },
  );

  async function refuseUnknown(teamId: string, id: number): Promise<void> {
    if (!(await store.listDepartments(teamId)).some((department) => department.id === id)) throw unknownDepartment();
  }
}

function unknownDepartment(): ApiError {
  return new ApiError(404, 'not_found', 'there is no department with this id');
}
