/** Refusals that clients report: calls that were never sent, and so are never metered. An extension of Fusewire. */
import { z } from 'zod';
import { readAmount, USD_DIGITS } from '../admin/amount.js';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { ReportedRefusal } from '../ledger/refusals.js';

/** Refusals of one report. */
export const REFUSALS_MAX = 500;
const COUNT_MAX = 1_000_000_000;

const word = (lengthMax: number) => z.string({ error: 'must be text' }).max(lengthMax).nullish();
const amount = z
  .union([z.number(), z.string()], { error: 'must be a number' })
  .transform((value, context) => {
    const read = readAmount(value, USD_DIGITS);
    if (read.ok) return read.text;
    context.addIssue({ code: 'custom', message: read.problem });
    return z.NEVER;
  })
  .nullish();
const whole = (min: number, max: number) => z.int({ error: 'must be a whole number' }).min(min).max(max);
const refusalSchema = z.object({
  id: z.uuid({ error: 'must be a UUID' }).describe('makes a repeat harmless'),
  ruleId: whole(0, Number.MAX_SAFE_INTEGER).nullish().describe('of the feed; left out where no rule refused'),
  key: word(512),
  at: z.iso.datetime({ offset: true, error: 'must be a full ISO 8601 date-time' }),
  count: whole(1, COUNT_MAX).default(1).describe('calls that were refused for the same reason'),
  kind: z
    .enum(['clamped', 'downgraded', 'throttled'])
    .nullish()
    .describe('what a hard control did instead; left out: the calls were refused'),
  groupValue: word(512),
  subscriberId: word(512),
  subscriberEmail: word(512),
  model: word(256),
  provider: word(256),
  currentValue: amount,
  threshold: amount,
  code: word(64),
  revision: whole(0, Number.MAX_SAFE_INTEGER).nullish(),
});
const bodySchema = z.object(
  {
    refusals: z
      .array(refusalSchema, { error: 'refusals must be an array' })
      .max(REFUSALS_MAX, { error: `must have at most ${REFUSALS_MAX} entries` }),
  },
  { error: 'the body must be a JSON object: {"refusals": […]}' },
);

/**
 * Registers `POST {prefix}/fusewire/refusals`, announced as `refusals`. Answers 202 when they are durable, with how many
 * were new: those whose ids are there already change nothing.
 */
export function installRefusals(
  api: Api,
  { store, metrics }: ServiceContext,
  prefix: string,
  described: boolean,
): void {
  api.post(
    `${prefix}/fusewire/refusals`,
    {
      config: { access: 'metering' },
      schema: {
        summary: 'Report refused calls',
        description: 'Idempotent by id. They appear among the enforcement events with the outcome BLOCKED.',
        tags: ['metering'],
        hide: !described,
        querystring: z.object(teamQuery),
        body: bodySchema,
        response: {
          202: z.object({ accepted: z.int() }),
          400: errorSchema,
          401: errorSchema,
          403: errorSchema,
          413: errorSchema,
        },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const refusals = request.body.refusals.map(reportedOf);
      const accepted = refusals.length === 0 ? 0 : await store.recordRefusals(teamId, refusals);
      metrics.refusedCalls(refusals.reduce((sum, { count, kind }) => sum + (kind === undefined ? count : 0), 0));
      return reply.code(202).send({ accepted });
    },
  );
}

function reportedOf({ id, at, count, ...rest }: z.output<typeof refusalSchema>): ReportedRefusal {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return { id: id.toLowerCase(), atMs: Date.parse(at), count, ...Object.fromEntries(given) };
}
