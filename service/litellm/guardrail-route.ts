/**
 * `POST …/fusewire/litellm/guardrail`: what a LiteLLM proxy's generic guardrail asks before a call. It answers by the
 * rules of the feed, with the SDK's own code. A question that cannot be read or decided is let pass, and says so, unless
 * the guardrail's parameter `fail_mode` is `closed`.
 */
import { createHash } from 'node:crypto';
import type { RefuseDecision } from 'fusewire/internal';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { teamInQuery } from '../ingest/metering-route.js';
import { REFUSAL_MARK } from './failure.js';
import { type GuardrailQuestion, readGuardrailQuestion } from './guardrail-request.js';
import { TeamGuards } from './team-guards.js';

/** Questions carry the whole prompt, images included: a proxy blocks what is answered with an error. */
const BODY_BYTES_MAX = 32 * 1_048_576;
/** Older proxies append this to the address that they are given. */
const APPENDED = '/beta/litellm_basic_guardrail_api';

const answerSchema = z.object({
  action: z.enum(['NONE', 'BLOCKED']),
  blocked_reason: z.string().optional().describe(`names the rule; has [${REFUSAL_MARK} …] in it for programs`),
  fusewire: z.object({
    code: z.string().describe('why: a code of a decision'),
    unknownShape: z.literal(true).optional(),
    rule: z
      .object({
        id: z.union([z.int(), z.string()]).nullable(),
        name: z.string().nullable(),
        limit: z.number().nullable(),
        spend: z.number().nullable(),
        resetsAt: z.string().nullable(),
        group: z.string().optional(),
      })
      .nullable()
      .optional(),
  }),
});
type Answer = z.output<typeof answerSchema>;

/** Registers the route, and the name under which older proxies find it. */
export async function installGuardrail(api: Api, context: ServiceContext, prefix: string): Promise<void> {
  const guards = new TeamGuards(context.store.feeds, context.runtime, context.log);
  // In a scope of its own: a body that is no JSON is a question that cannot be read, and no error.
  await api.register(async (scoped) => {
    const own = scoped as unknown as Api;
    own.removeAllContentTypeParsers();
    own.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => done(null, parsed(text.toString())));
    for (const ending of ['', APPENDED])
      installRoute(own, context, guards, `${prefix}/fusewire/litellm/guardrail${ending}`);
  });
}

function installRoute(api: Api, context: ServiceContext, guards: TeamGuards, path: string): void {
  api.post(
    path,
    {
      config: { access: 'metering', bearer: true },
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        summary: 'Decide for a LiteLLM proxy (generic guardrail)',
        description: 'The key comes as x-api-key or as Authorization: Bearer. Texts and images are not looked at.',
        tags: ['enforcement'],
        body: z.unknown().describe('as LiteLLM’s generic_guardrail_api sends it'),
        response: { 200: answerSchema, 401: errorSchema, 403: errorSchema },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      ownTeam(caller, [teamInQuery(request.query)]);
      return answerTo(context, guards, caller.team.id, readGuardrailQuestion(request.body));
    },
  );
}

async function answerTo(
  context: ServiceContext,
  guards: TeamGuards,
  teamId: string,
  question: GuardrailQuestion,
): Promise<Answer> {
  if (question.kind === 'answer') return { action: 'NONE', fusewire: { code: 'ALLOWED' } };
  if (question.kind === 'unknown') {
    context.log.warn('a question of a LiteLLM guardrail could not be read', { failMode: question.failMode });
    return undecided(question, { unknownShape: true });
  }
  try {
    const { decision, revision } = await guards.decide(teamId, question.call);
    if (decision.outcome === 'allow') return { action: 'NONE', fusewire: { code: decision.code } };
    await keepRefusal(context, teamId, question, decision, revision);
    return refusal(decision);
  } catch (error) {
    context.log.error('a question of a LiteLLM guardrail could not be decided', { error: String(error) });
    return undecided(question, {});
  }
}

function undecided({ failMode }: GuardrailQuestion, flags: { readonly unknownShape?: true }): Answer {
  const fusewire = { code: 'UNDECIDED', ...flags };
  if (failMode === 'open') return { action: 'NONE', fusewire };
  const reason = `The budgets of this call could not be checked, and fail_mode is closed. [${REFUSAL_MARK} UNDECIDED]`;
  return { action: 'BLOCKED', blocked_reason: reason, fusewire };
}

/** LiteLLM hands on the reason alone: what a program needs is in it too. */
function refusal({ code, message, rule }: RefuseDecision): Answer {
  const { ruleId = null, ruleName = null, threshold = null, currentValue = null, resetsAt = null } = rule ?? {};
  const facts = [
    ['ruleId', ruleId],
    ['spend', currentValue],
    ['limit', threshold],
    ['resetsAt', resetsAt],
  ].flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  return {
    action: 'BLOCKED',
    blocked_reason: `${message} [${[REFUSAL_MARK, code, ...facts].join(' ')}]`,
    fusewire: {
      code,
      rule: {
        ...{ id: ruleId, name: ruleName, limit: threshold, spend: currentValue, resetsAt },
        ...(rule?.groupValue === undefined ? {} : { group: rule.groupValue }),
      },
    },
  };
}

/** A refused call is never metered, so this is how the ledger hears of it (I1). What fails here changes no answer. */
async function keepRefusal(
  { store, runtime, metrics, log }: ServiceContext,
  teamId: string,
  { call, callId }: GuardrailQuestion,
  { code, rule }: RefuseDecision,
  revision: number | undefined,
): Promise<void> {
  metrics.refusedCalls(1);
  const { subscriberId, subscriberEmail, model, provider } = call;
  const given = {
    ...{ subscriberId, subscriberEmail, model, provider, code, revision },
    ruleId: typeof rule?.ruleId === 'number' ? rule.ruleId : undefined,
    key: rule?.ruleKey,
    groupValue: rule?.groupValue,
    currentValue: decimal(rule?.currentValue),
    threshold: decimal(rule?.threshold),
  };
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  // A proxy asks before and during a call: one refusal, by whichever rule.
  const id = callId === undefined ? runtime.newId() : uuidOf(`${teamId}\n${callId}\n${rule?.ruleId}`);
  try {
    await store.recordRefusals(teamId, [{ id, atMs: runtime.now(), count: 1, ...known }]);
  } catch (error) {
    log.error('a refusal of a LiteLLM guardrail could not be kept', { error: String(error) });
  }
}

/** Decimal text without an exponent; `undefined` where there is no number. */
function decimal(value: number | null | undefined): string | undefined {
  if (value === null || value === undefined || !Number.isFinite(value)) return undefined;
  return /e/i.test(String(value)) ? value.toFixed(9) : String(value);
}

/** The same UUID for the same text. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
