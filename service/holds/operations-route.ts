/** Taking, extending, giving back and renewing holds: what SDKs ask, with the key that they meter with. */
import {
  type CheckedHoldOperation,
  HOLD_OPERATIONS_MAX,
  type HoldOperation,
  type HoldOutcome,
  holdBatchSchema,
  holdExtendFields,
  holdGiveBackFields,
  holdIdSchema,
  holdRenewFields,
  holdTakeFields,
} from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { tellRevision } from '../ingest/tell-revision.js';
import { canonicalOperation } from './canonical-operation.js';
import type { HoldCounters } from './hold-metrics.js';
import { holdAnswerSchema, holdOutcomeSchema } from './outcome-schema.js';
import { goneAnswer, refusedAnswer } from './refused-answer.js';

/** Where holds are, below the path family. */
export const HOLDS_PATH = '/holds';

type Answer = z.output<typeof holdAnswerSchema>;
type Outcomes = { outcomes: z.output<typeof holdOutcomeSchema>[] };

const notObject = { error: 'the body must be a JSON object' };
const errors = { 400: errorSchema, 401: errorSchema, 402: errorSchema, 403: errorSchema, 404: errorSchema };
const params = z.object({ id: holdIdSchema });

/** The four operations on one hold, by the last part of their paths. */
const ONES = [
  { path: '/extend', op: 'extend', summary: 'Add to a hold', body: z.object(holdExtendFields, notObject) },
  {
    path: '/give-back',
    op: 'give-back',
    summary: 'Give back what is not needed',
    body: z.object(holdGiveBackFields, notObject),
  },
  { path: '/renew', op: 'renew', summary: 'Put the expiry off', body: z.object(holdRenewFields, notObject) },
] as const;

/**
 * Registers `POST {prefix}/holds`, `…/holds/batch` and `…/holds/{id}/{extend, give-back, renew}`, announced as `holds`. All
 * are idempotent: by the id that the caller gives, and by the sequence of the operation.
 */
export function installHoldOperations(
  api: Api,
  context: ServiceContext,
  counters: HoldCounters,
  prefix: string,
  described: boolean,
): void {
  const path = `${prefix}${HOLDS_PATH}`;
  const config = { access: 'metering' as const };
  const common = { tags: ['holds'], hide: !described, querystring: z.object(teamQuery) };
  const onSend = tellRevision(context.ingest);
  const operate = async (teamId: string, operations: readonly CheckedHoldOperation[]) => {
    const tools = { protect: (value: string) => context.protectCredential(teamId, value) };
    const canonical: readonly HoldOperation[] = operations.map((operation) => canonicalOperation(operation, tools));
    const outcomes = await context.store.operateHolds(teamId, canonical);
    counters.note(outcomes);
    return outcomes;
  };
  api.post(
    `${path}/batch`,
    {
      config,
      onSend,
      schema: {
        ...common,
        summary: 'Several operations on holds, in their order, in one transaction',
        description: `At most ${HOLD_OPERATIONS_MAX}. An operation that is refused does not harm the others.`,
        body: holdBatchSchema,
        response: { 200: z.object({ outcomes: z.array(holdOutcomeSchema) }), ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return { outcomes: await operate(teamId, request.body.operations) } as unknown as Outcomes;
    },
  );
  api.post(
    path,
    {
      config,
      onSend,
      schema: {
        ...common,
        summary: 'Set an amount aside for a call, or for several like it',
        description: 'The same id again answers what became of the hold, and makes no second one.',
        body: z.object(holdTakeFields, notObject),
        response: { 200: holdAnswerSchema, 409: errorSchema, ...errors },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      return answerOf((await operate(teamId, [{ op: 'take', ...request.body }]))[0], true);
    },
  );
  for (const { path: end, op, summary, body } of ONES) {
    api.post(
      `${path}/:id${end}`,
      { config, onSend, schema: { ...common, summary, params, body, response: { 200: holdAnswerSchema, ...errors } } },
      async (request) => {
        const teamId = ownTeam(callerOf(request), [request.query.teamId]);
        const operation = { op, id: request.params.id, ...request.body } as CheckedHoldOperation;
        return answerOf((await operate(teamId, [operation]))[0], false);
      },
    );
  }
}

/** @throws ApiError where there is no hold */
function answerOf(outcome: HoldOutcome | undefined, isTake: boolean): Answer {
  if (outcome === undefined) throw new Error('an operation on a hold was done without an outcome');
  if (outcome.outcome === 'refused') throw refusedAnswer(outcome);
  if (outcome.outcome === 'gone') throw goneAnswer(isTake);
  return outcome as unknown as Answer;
}
