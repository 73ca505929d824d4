/**
 * Cost controls on the wire (contract 4.2, 4.3), as a service accepts them. Rules that look at several fields at once are
 * in the service, because a PATCH is judged by what it leaves behind.
 */
import { z } from 'zod';
import type { HoldEstimate, OnExpiry, OutputLimitPolicy, WhenExhausted } from '../holds/hold-types.js';
import { notAllowed } from './enumeration.js';
import { DIMENSIONS, FILTER_OPERATORS, type WindowType } from './feed.js';

/** Contract 4.3. */
export const METRIC_TYPES = [
  'TOTAL_COST',
  'TOKEN_COUNT',
  'INPUT_TOKEN_COUNT',
  'OUTPUT_TOKEN_COUNT',
  'CACHED_TOKEN_COUNT',
  'ERROR_COUNT',
  'IMAGE_COUNT',
  'VIDEO_COUNT',
  'AUDIO_COUNT',
  'CHARACTER_COUNT',
  'CREDITS_CONSUMED',
] as const;
/** Contract 4.3, and three extensions of Fusewire: HOURLY, ROLLING and LIFETIME. */
export const WINDOW_TYPES = [
  'HOURLY',
  'DAILY',
  'WEEKLY',
  'MONTHLY',
  'QUARTERLY',
  'ROLLING',
  'LIFETIME',
] as const satisfies readonly WindowType[];
/** On which day WEEKLY windows may begin; an extension of Fusewire. */
export const WEEK_DAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY'] as const;
/** One of {@link WEEK_DAYS}. */
export type WeekDay = (typeof WEEK_DAYS)[number];
/** Contract 4.3: the one action that can stop a call. */
export const CONTROL_ACTIONS = ['BLOCK'] as const;
/** What an event with an unknown price does to a control (I5); an extension of Fusewire. */
export const UNKNOWN_PRICE_REACTIONS = ['refuse', 'assume', 'flag'] as const;
/**
 * What the gateway does with a call whose caller has left; an extension of Fusewire. `auto`: calls to Ollama are aborted
 * at once, others are read on for their usage for at most two seconds.
 */
export const CLIENT_LEAVE_REACTIONS = ['auto', 'abort', 'drain'] as const;
/** One of {@link CLIENT_LEAVE_REACTIONS}. */
export type ClientLeaveReaction = (typeof CLIENT_LEAVE_REACTIONS)[number];

/** How calls are held against a control (I7); an extension of Fusewire, like everything below. */
export const ENFORCEMENTS = ['POLLED', 'HARD'] as const;
/** What becomes of a hold that its owner did not renew. */
export const EXPIRY_REACTIONS = ['charge', 'release'] as const satisfies readonly OnExpiry[];
/** What a call asks to have set aside. */
export const HOLD_ESTIMATES = ['worst-case', 'expected'] as const satisfies readonly HoldEstimate[];
/** What becomes of a stream that outgrows its hold where no more is to be had. */
export const EXHAUSTED_REACTIONS = ['cut', 'finish'] as const satisfies readonly WhenExhausted[];
/** What becomes of a call that names no output limit. */
export const OUTPUT_LIMIT_POLICIES = ['inject', 'assume'] as const satisfies readonly OutputLimitPolicy[];

const OUTPUT_TOKENS_MAX = 1_000_000;
const THROTTLE_MAX_MS = 60_000;
const FILTERS_MAX = 20;
const VALUES_MAX = 100;
const VALUE_MAX = 255;
const NAME_MAX = 255;
const DESCRIPTION_MAX = 4_000;
const CHANNELS_MAX = 100;

const oneOf = <const T extends readonly [string, ...string[]]>(field: string, values: T) =>
  z.enum(values, {
    error: ({ input }) => (input === undefined || input === null ? `${field} is required` : notAllowed(input, values)),
  });
const withOldSpelling = [...DIMENSIONS, 'ORG_UNIT'] as const;
const dimension = z.enum(withOldSpelling, { error: ({ input }) => notAllowed(input, DIMENSIONS) });
const flag = z.boolean({ error: 'must be true or false' });
const decimal = (field: string) =>
  z.union([z.number(), z.string()], {
    error: ({ input }) => (input === undefined || input === null ? `${field} is required` : 'must be a number'),
  });
const operand = z
  .string({ error: 'must be text' })
  .max(VALUE_MAX, { error: `must have at most ${VALUE_MAX} characters` });

/** One filter row: `values` belongs to IN, `value` to every other operator; DEPARTMENT takes IS and a numeric id. */
export const controlFilterSchema = z
  .object(
    {
      dimension,
      operator: z
        .enum(FILTER_OPERATORS, { error: ({ input }) => notAllowed(input, FILTER_OPERATORS) })
        .nullish()
        .describe('IS where it is left out'),
      value: z.union([operand, z.number()], { error: 'must be text' }).nullish(),
      values: z
        .array(operand, { error: 'must be an array of text' })
        .max(VALUES_MAX, { error: `must hold at most ${VALUES_MAX} values` })
        .nullish(),
      includeDescendants: z
        .boolean({ error: 'must be true or false' })
        .nullish()
        .describe('DEPARTMENT only: what lies below the department counts too'),
    },
    { error: 'must be an object {dimension, operator, value}' },
  )
  .superRefine((filter, context) => {
    const isList = filter.operator === 'IN';
    const values = filter.values ?? [];
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (isList && values.length === 0) problem('values', 'values is required with the operator IN: a list of text');
    if (isList && values.includes('')) problem('values', 'must not hold an empty text');
    if (!isList && (filter.value ?? '') === '') problem('value', 'value is required with every operator but IN');
    if (!isList && values.length > 0) problem('values', 'is for the operator IN only; use value');
    if (filter.dimension !== 'DEPARTMENT' && filter.dimension !== 'ORG_UNIT') {
      if (filter.includeDescendants === true) problem('includeDescendants', 'is for the dimension DEPARTMENT only');
      return;
    }
    if ((filter.operator ?? 'IS') !== 'IS') problem('operator', 'DEPARTMENT takes the operator IS only');
    if (!/^\d{1,15}$/.test(String(filter.value ?? ''))) problem('value', 'must be the number of a department');
  });

const wholeUpTo = (max: number) =>
  z
    .int({ error: `must be a whole number from 1 to ${max}` })
    .min(1, { error: `must be a whole number from 1 to ${max}` })
    .max(max, { error: `must be a whole number from 1 to ${max}` });

/** For HARD only, but for the first. */
const holdFields = {
  enforcement: oneOf('enforcement', ENFORCEMENTS)
    .nullish()
    .describe(
      'POLLED where it is left out: callers refuse by the rules that they polled; HARD: a call is admitted against a hold only',
    ),
  onExpiry: oneOf('onExpiry', EXPIRY_REACTIONS)
    .nullish()
    .describe('HARD only: what becomes of a hold that its owner did not renew; charge where it is left out'),
  estimate: oneOf('estimate', HOLD_ESTIMATES)
    .nullish()
    .describe('HARD only: what a call sets aside; worst-case where it is left out'),
  whenExhausted: oneOf('whenExhausted', EXHAUSTED_REACTIONS)
    .nullish()
    .describe('HARD only: what becomes of a stream that outgrows its hold; cut where it is left out'),
  assumedOutputTokens: wholeUpTo(OUTPUT_TOKENS_MAX)
    .nullish()
    .describe('HARD only: taken for the output of a call that names no limit; 4096 where it is left out'),
  outputLimit: oneOf('outputLimit', OUTPUT_LIMIT_POLICIES)
    .nullish()
    .describe('HARD only: whether such a call is given that limit; inject where it is left out'),
  clampOutput: flag
    .nullish()
    .describe('HARD only: the output limit of a call is lowered to what is left, before it is refused'),
  downgradeTo: z
    .string({ error: 'must be text: the name of a model' })
    .trim()
    .max(VALUE_MAX, { error: `must have at most ${VALUE_MAX} characters` })
    .nullish()
    .describe('HARD only: the cheaper model that is asked instead, before a call is refused; null: none'),
  throttleMs: wholeUpTo(THROTTLE_MAX_MS)
    .nullish()
    .describe('HARD only: for how long a call may wait for room, before it is refused; null: not at all'),
};

const fields = {
  name: z
    .string({ error: ({ input }) => (input === undefined || input === null ? 'name is required' : 'must be text') })
    .trim()
    .min(1, { error: 'name is required' })
    .max(NAME_MAX, { error: `must have at most ${NAME_MAX} characters` }),
  metricType: oneOf('metricType', METRIC_TYPES),
  windowType: oneOf('windowType', WINDOW_TYPES),
  hardLimit: decimal('hardLimit'),
  action: oneOf('action', CONTROL_ACTIONS).nullish().describe('BLOCK where it is left out'),
  description: z
    .string({ error: 'must be text' })
    .max(DESCRIPTION_MAX, { error: `must have at most ${DESCRIPTION_MAX} characters` })
    .nullish(),
  groupBy: dimension.nullish().describe('null: one budget for all'),
  warnThreshold: decimal('warnThreshold').nullish(),
  filters: z
    .array(controlFilterSchema, { error: 'must be an array of filters' })
    .max(FILTERS_MAX, { error: `must hold at most ${FILTERS_MAX} filters` })
    .nullish(),
  shadowMode: flag.nullish().describe('false where it is left out: the control blocks'),
  enabled: flag.nullish().describe('true where it is left out'),
  notificationChannelIds: z
    .array(z.string({ error: 'must be text' }).max(VALUE_MAX), { error: 'must be an array of text' })
    .max(CHANNELS_MAX, { error: `must hold at most ${CHANNELS_MAX} ids` })
    .nullish(),
  onUnknownPrice: oneOf('onUnknownPrice', UNKNOWN_PRICE_REACTIONS)
    .nullish()
    .describe(
      'flag where it is left out; refuse trips the control on an event whose price is unknown; assume counts it at a stated price',
    ),
  assumedPricePerMillionTokens: decimal('assumedPricePerMillionTokens')
    .nullish()
    .describe('dollars for a million tokens of an event whose price is unknown; with onUnknownPrice assume only'),
  assumedPricePerRequest: decimal('assumedPricePerRequest')
    .nullish()
    .describe('dollars for each event whose price is unknown; with onUnknownPrice assume only'),
  onClientLeave: oneOf('onClientLeave', CLIENT_LEAVE_REACTIONS)
    .nullish()
    .describe('what the gateway does when a caller leaves: auto where it is left out (Ollama abort, others drain)'),
  windowDuration: z
    .string({ error: 'must be text: an ISO 8601 duration' })
    .max(64, { error: 'must have at most 64 characters' })
    .nullish()
    .describe('ISO 8601, for ROLLING only: PT1M to P10Y; a day is 24 hours, a month 30 days, a year 365 days'),
  timeZone: z
    .string({ error: 'must be text: an IANA time zone' })
    .max(64, { error: 'must have at most 64 characters' })
    .nullish()
    .describe('IANA name; UTC where it is left out'),
  weekStart: oneOf('weekStart', WEEK_DAYS).nullish().describe('MONDAY where it is left out'),
  ...holdFields,
};
const teamId = z.string({ error: 'must be text' }).nullish().describe('may be given as a query parameter instead');
const notObject = { error: 'the body must be a JSON object: a cost control' };

/**
 * Body of `POST /v2/api/ai/cost-controls`. `shadowMode` is false where it is left out: the hosted API has answered `true`
 * to such a create, so clients that care send it. Read-only and unknown fields are dropped.
 */
export const costControlCreateSchema = z.object({ teamId, ...fields }, notObject);

/** Body of `PATCH /v2/api/ai/cost-controls/{id}`: what is left out stays; lists are replaced whole. */
export const costControlPatchSchema = z.object(
  {
    teamId,
    ...fields,
    name: fields.name.optional(),
    metricType: fields.metricType.optional(),
    windowType: fields.windowType.optional(),
    hardLimit: fields.hardLimit.optional(),
  },
  notObject,
);

/** A cost control as the API shows it (contract 4.2). Thresholds are numbers in the metric's unit. */
export const costControlResourceSchema = z.object({
  id: z.string(),
  resourceType: z.literal('costControl'),
  label: z.string(),
  name: z.string(),
  description: z.string(),
  metricType: z.enum(METRIC_TYPES),
  windowType: z.enum(WINDOW_TYPES),
  action: z.enum(CONTROL_ACTIONS),
  groupBy: z.enum(DIMENSIONS).nullable(),
  warnThreshold: z.number().nullable(),
  hardLimit: z.number(),
  filters: z.array(
    z.object({
      dimension: z.enum(DIMENSIONS),
      operator: z.enum(FILTER_OPERATORS),
      value: z.string().optional(),
      values: z.array(z.string()).optional(),
    }),
  ),
  shadowMode: z.boolean(),
  enabled: z.boolean(),
  notificationChannelIds: z.array(z.string()),
  windowDuration: z.string().nullable(),
  timeZone: z.string(),
  weekStart: z.enum(WEEK_DAYS),
  onUnknownPrice: z.enum(UNKNOWN_PRICE_REACTIONS),
  assumedPricePerMillionTokens: z.number().nullable(),
  assumedPricePerRequest: z.number().nullable(),
  onClientLeave: z.enum(CLIENT_LEAVE_REACTIONS),
  enforcement: z.enum(ENFORCEMENTS),
  onExpiry: z.enum(EXPIRY_REACTIONS).nullable().describe('null for POLLED, like the fields below'),
  estimate: z.enum(HOLD_ESTIMATES).nullable(),
  whenExhausted: z.enum(EXHAUSTED_REACTIONS).nullable(),
  assumedOutputTokens: z.int().nullable(),
  outputLimit: z.enum(OUTPUT_LIMIT_POLICIES).nullable(),
  clampOutput: z.boolean().nullable(),
  downgradeTo: z.string().nullable(),
  throttleMs: z.int().nullable(),
  raised: z.number().describe('what open raises add to the limit now; an extension of Fusewire'),
  raisedUntil: z.iso.datetime().nullable().describe('when the first of them ends'),
  feedRuleId: z.int().describe('the integer ruleId of this control in the rule feed; an extension of Fusewire'),
  teamId: z.string(),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
  _links: z.object({ self: z.object({ href: z.string() }) }),
});

/** A create as parsed. */
export type CostControlCreate = z.output<typeof costControlCreateSchema>;
/** A patch as parsed. */
export type CostControlPatch = z.output<typeof costControlPatchSchema>;
/** A cost control as the API shows it. */
export type CostControlResource = z.output<typeof costControlResourceSchema>;
