/** `GET …/fusewire/explain`: what the controls of a team say about a call, and why (an extension of Fusewire). */
import { OPERATION_TYPES } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';

const text = z.string().min(1, { error: 'must not be empty' }).max(1_024).optional();
const dimensions = {
  model: text,
  provider: text,
  subscriberId: text,
  subscriberEmail: text,
  organization: text,
  product: text,
  credential: text,
  credentialName: text,
  agent: text,
  taskType: text,
};
const tokens = z.coerce
  .number({ error: 'must be a whole number' })
  .int({ error: 'must be a whole number' })
  .min(0, { error: 'must be 0 or more' })
  .optional();
const bound = {
  maxInputTokens: tokens.describe('what the call can consume at most: hard controls say what they would set aside'),
  maxOutputTokens: tokens.describe('its output limit; left out: it names none'),
  operationType: z.enum(OPERATION_TYPES).optional(),
};
const nullableText = z.string().nullable();
const explanationSchema = z.object({
  revision: z.int(),
  at: z.iso.datetime(),
  call: z.record(z.string(), z.string()),
  price: z.object({ state: z.enum(['known', 'free', 'unknown']), source: z.string() }).nullable(),
  bypass: z.object({ until: z.string(), since: z.string(), reason: z.string(), by: z.string() }).nullable(),
  verdict: z.object({
    outcome: z.enum(['allow', 'refuse']),
    controlId: nullableText,
    ruleId: z.int().nullable(),
    equation: z.string(),
  }),
  controls: z.array(
    z.object({
      controlId: z.string(),
      ruleId: z.int(),
      name: z.string(),
      metricType: z.string(),
      enabled: z.boolean(),
      shadowMode: z.boolean(),
      filters: z.array(z.object({ filter: z.string(), holds: z.boolean(), actual: nullableText })),
      groupBy: nullableText,
      group: nullableText,
      spend: z.string().describe('decimal text in the unit of the metric'),
      unknownPrices: z.int(),
      limit: z.string(),
      enforcement: z.enum(['POLLED', 'HARD']),
      raised: z.string().describe('what open raises add to the limit'),
      raises: z.array(
        z.object({
          raiseId: z.string(),
          amount: z.string(),
          until: z.string(),
          reason: z.string(),
          by: z.string(),
          created: z.string(),
        }),
      ),
      held: nullableText.describe('what open holds have set aside and not drawn; null: nothing is held'),
      holds: z.array(
        z.object({
          id: z.string(),
          owner: z.string(),
          ageSeconds: z.int(),
          expires: z.string(),
          amount: z.string(),
          drawn: z.string(),
          left: z.string(),
        }),
      ),
      remaining: nullableText.describe('limit + raised - spend - held, at least 0; null: nothing is held'),
      charged: nullableText.describe(
        'of the spend, what counts for holds that expired though no event says so; null: nothing is held',
      ),
      overrun: nullableText.describe(
        'what was spent above the limit in this window, recorded when it was; null: nothing is held',
      ),
      asked: nullableText.describe('what a hold for the call would set aside; null: the call gives no bound'),
      inequality: nullableText.describe('spend + held + asked, against limit + raised'),
      code: z.enum(['BUDGET_EXCEEDED', 'UNKNOWN_PRICE']).nullable().describe('why no hold would be had'),
      warnThreshold: nullableText,
      window: z.object({
        type: z.string(),
        key: z.string(),
        start: z.string(),
        resetsAt: nullableText,
        timeZone: z.string(),
      }),
      reaction: z.enum(['not-concerned', 'allow', 'warn', 'observe', 'refuse']),
      equation: z.string(),
    }),
  ),
});

/** Registers the route; a metering key may ask, since a guard with the same key would be told the verdict. */
export function installExplain(api: Api, { store }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/fusewire/explain`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'What the controls say about a call, each with its arithmetic',
        tags: ['enforcement'],
        hide: !described,
        querystring: z.object({ ...teamQuery, ...dimensions, ...bound }),
        response: { 200: explanationSchema, 400: errorSchema, 401: errorSchema, 403: errorSchema },
      },
    },
    async (request) => {
      const {
        teamId: named,
        tenantId: _tenant,
        maxInputTokens,
        maxOutputTokens,
        operationType,
        ...asked
      } = request.query;
      const teamId = ownTeam(callerOf(request), [named]);
      const call = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      const { bypass, controls, ...rest } = await store.explain(
        teamId,
        call,
        maxInputTokens === undefined && maxOutputTokens === undefined
          ? undefined
          : { maxInputTokens: maxInputTokens ?? 0, maxOutputTokens, operationType },
      );
      return {
        ...rest,
        call,
        bypass:
          bypass === null
            ? null
            : {
                until: new Date(bypass.untilMs).toISOString(),
                since: new Date(bypass.sinceMs).toISOString(),
                reason: bypass.reason,
                by: bypass.by,
              },
        controls: controls.map(({ filters, raises, holds, ...control }) => ({
          ...control,
          filters: [...filters],
          raises: [...raises],
          holds: [...holds],
        })),
      };
    },
  );
}
