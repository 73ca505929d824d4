/** Which metrics jobs of a type may carry (an extension: the contract names undeclared keys, and not how to declare one). */
import { notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import type { Api, ServiceContext } from '../http/types.js';
import { jobErrors, jobQuery, teamOf } from './job-answers.js';

const KINDS = ['NUMBER', 'RATE'] as const;
const KEYS_MAX = 200;

const params = z.object({ type: z.string().min(1).max(1_024) });
const keySchema = z.object(
  {
    key: z.string({ error: 'must be text' }).regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/, {
      error: 'must begin with a letter and hold up to 128 letters, digits, dots, dashes and underscores',
    }),
    kind: z
      .enum(KINDS, { error: ({ input }) => notAllowed(input, KINDS) })
      .default('NUMBER')
      .describe('the value of a RATE lies between 0 and 1'),
  },
  { error: 'must be an object {key, kind}' },
);
const keysSchema = z.object(
  {
    metrics: z
      .array(keySchema, { error: 'must be a list of {key, kind}' })
      .max(KEYS_MAX, { error: `at most ${KEYS_MAX} metrics` })
      .refine((keys) => new Set(keys.map(({ key }) => key)).size === keys.length, { error: 'a key is there twice' }),
  },
  { error: 'the body must be a JSON object {metrics}' },
);

/** Registers `GET` and `PUT {path}/{type}/metrics`. A type without any takes every key. */
export function installMetricKeys(api: Api, { store }: ServiceContext, path: string, hide: boolean): void {
  const common = { tags: ['jobs'], hide, params, querystring: jobQuery, response: { 200: keysSchema, ...jobErrors } };
  api.get(
    `${path}/:type/metrics`,
    { config: { access: 'metering' }, schema: { ...common, summary: 'The metrics that jobs of a type may carry' } },
    async (request) => {
      return { metrics: [...(await store.jobMetricKeys(teamOf(request), request.params.type.toLowerCase()))] };
    },
  );
  api.put(
    `${path}/:type/metrics`,
    {
      config: { access: 'write' },
      schema: {
        ...common,
        summary: 'Declare the metrics of a type of job, in place of those before',
        body: keysSchema,
      },
    },
    async (request) => {
      const { metrics } = request.body;
      return {
        metrics: [...(await store.setJobMetricKeys(teamOf(request), request.params.type.toLowerCase(), metrics))],
      };
    },
  );
}
