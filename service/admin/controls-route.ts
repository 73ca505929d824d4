/** Cost controls: list, create, read, change, delete (contract 4.1 to 4.5). */
import {
  costControlCreateSchema,
  costControlPatchSchema,
  costControlResourceSchema,
  METRIC_TYPES,
  notAllowed,
} from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { boundedSize, envelope, envelopeSchema, errorSchema, pageQuery, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { keyActor } from '../ledger/audit.js';
import type { ControlQuery, Store } from '../store/store.js';
import { findControl } from './control-lookup.js';
import { CONTROLS_PATH, controlResource } from './control-resource.js';
import { readCreate, readPatch } from './read-control.js';

const LIST = 'objectList';
const SORTS = ['name', 'created', 'updated'] as const;
const query = z.object(teamQuery);
const params = z.object({ id: z.string().max(128) });
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
const listQuery = z.object({
  ...teamQuery,
  ...pageQuery,
  query: z.string().max(256).optional().describe('text that the name or description holds'),
  type: z.enum([...METRIC_TYPES, ''], { error: ({ input }) => notAllowed(input, METRIC_TYPES) }).optional(),
  sort: z.string().max(64).optional().describe('field,dir: name, created or updated; asc or desc'),
});

const config = { access: 'write' as const };

/** Registers the five operations under `{prefix}/ai/cost-controls`. */
export function installControls(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  const path = `${prefix}${CONTROLS_PATH}`;
  installCollection(api, store, path, !described);
  installOne(api, store, `${path}/:id`, !described);
}

function installCollection(api: Api, store: Store, path: string, hide: boolean): void {
  const common = { tags: ['cost controls'], hide };
  api.get(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'List',
        querystring: listQuery,
        response: { 200: envelopeSchema(LIST, costControlResourceSchema), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const asked = controlQuery(request.query);
      const page = await store.listControls(teamId, asked);
      return envelope(LIST, page.items.map(controlResource), page, asked);
    },
  );
  api.post(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Create',
        querystring: query,
        body: costControlCreateSchema,
        response: { 201: costControlResourceSchema, ...errors },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId], true);
      const control = await store.createControl(teamId, readCreate(request.body), keyActor(caller.key));
      return reply.code(201).send(controlResource(control));
    },
  );
}

function installOne(api: Api, store: Store, path: string, hide: boolean): void {
  const common = { tags: ['cost controls'], hide };
  const found = { 200: costControlResourceSchema, ...errors };

  api.get(
    path,
    { config, schema: { ...common, summary: 'Read', params, querystring: query, response: found } },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return controlResource(await findControl(store, teamId, request.params.id));
    },
  );
  api.patch(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Change a part; lists are replaced whole',
        params,
        querystring: query,
        body: costControlPatchSchema,
        response: found,
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.body.teamId, request.query.teamId]);
      const { id } = request.params;
      const changes = readPatch(request.body, await findControl(store, teamId, id));
      const changed = await store.updateControl(teamId, id, changes, keyActor(caller.key));
      return controlResource(changed ?? (await findControl(store, teamId, id)));
    },
  );
  api.delete(
    path,
    {
      config,
      schema: { ...common, summary: 'Delete', params, querystring: query, response: { 204: z.undefined(), ...errors } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const teamId = ownTeam(caller, [request.query.teamId]);
      const { id } = request.params;
      if (!(await store.deleteControl(teamId, id, keyActor(caller.key)))) await findControl(store, teamId, id);
      return reply.code(204).send();
    },
  );
}

function controlQuery(asked: z.output<typeof listQuery>): ControlQuery {
  const sort = asked.sort === undefined || asked.sort === '' ? undefined : readSort(asked.sort);
  return {
    page: asked.page,
    size: boundedSize(asked.size),
    ...(asked.query === undefined || asked.query === '' ? {} : { query: asked.query }),
    ...(asked.type === undefined || asked.type === '' ? {} : { metricType: asked.type }),
    ...(sort === undefined ? {} : { sort }),
  };
}

function readSort(text: string): NonNullable<ControlQuery['sort']> {
  const [name = '', direction = 'asc'] = text.split(',').map((part) => part.trim());
  const field = SORTS.find((known) => known === name);
  if (field === undefined) throw invalidFields([{ field: 'sort', problem: notAllowed(name, SORTS) }]);
  const dir = direction.toLowerCase();
  if (dir !== 'asc' && dir !== 'desc') {
    throw invalidFields([{ field: 'sort', problem: notAllowed(direction, ['asc', 'desc']) }]);
  }
  return { field, direction: dir };
}
