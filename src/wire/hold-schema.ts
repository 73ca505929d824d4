/**
 * Operations on holds as a schema: what a service accepts. Unknown fields are dropped in silence, `null` means absent; what
 * is wrong is said with its field and with what is wanted. A text that names whose a call is has no limit here: the service
 * cuts it as it cuts that of a usage event, so that both name the same group.
 */
import { z } from 'zod';
import { notAllowed } from './enumeration.js';
import { NAME_MAX } from './event-bounds.js';
import { isMissing, required } from './event-field-kinds.js';
import { OPERATION_TYPES } from './operation-types.js';

/** Operations of one request. */
export const HOLD_OPERATIONS_MAX = 200;
/** Seconds after which a hold expires that nobody renews. */
export const HOLD_TTL_SECONDS = { min: 10, max: 3_600, default: 120 } as const;
/** Characters of an owner. */
export const HOLD_OWNER_MAX = 200;
/** Calls that one hold can be asked to cover. */
export const HOLD_CALLS_MAX = 1_000_000;
/** Controls that one operation can name. */
export const HOLD_PARTS_MAX = 1_000;

/** What a call of absurd size asks for is more than any limit, and is to be told so. */
const AMOUNT_DIGITS_MAX = 40;
const DIMENSION_MAX = 65_536;
const TIERS_MAX = 32;

/** A field that can be left out; `null` counts as left out. */
const optional = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

const whole = (min: number, max: number) => {
  const error = (issue: { input?: unknown }) =>
    isMissing(issue.input) ? 'is required: a whole number' : `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const count = () => whole(0, Number.MAX_SAFE_INTEGER);
const words = (field: string, max: number) =>
  z
    .string({ error: required(field, 'text') })
    .min(1, { error: `${field} is required` })
    .max(max, { error: `must have at most ${max} characters` });
const anyText = (max: number) =>
  optional(z.string({ error: 'must be text' }).max(max, { error: `must have at most ${max} characters` }));
const flag = () => optional(z.boolean({ error: 'must be true or false' }));
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: ({ input }) => (isMissing(input) ? 'is required' : notAllowed(input, values)) });

const boundSchema = z.object(
  {
    inputTokensMax: count(),
    outputTokensMax: count(),
    isOutputLimited: z.boolean({ error: required('isOutputLimited', 'true or false') }),
    assumedOutputTokens: optional(whole(1, Number.MAX_SAFE_INTEGER)),
    images: count(),
    characters: count(),
    mediaSeconds: count(),
    cacheWrites: optional(oneOf(['none', 'short', 'long'])),
    hasSound: flag(),
    tiers: optional(
      z
        .array(words('tier', NAME_MAX), { error: 'must be a list of texts' })
        .max(TIERS_MAX, { error: `must have at most ${TIERS_MAX} entries` }),
    ),
    unbounded: anyText(500),
  },
  { error: required('worst', 'an object: the most that the call can consume') },
);

const countsSchema = z.object(
  {
    inputTokens: count(),
    outputTokens: count(),
    images: optional(count()),
    characters: optional(count()),
    mediaSeconds: optional(count()),
  },
  { error: 'must be an object: what such calls consume as a rule' },
);

const dimension = anyText(DIMENSION_MAX);
const dimensionsSchema = z.object(
  {
    model: dimension,
    provider: dimension,
    subscriberId: dimension,
    subscriberEmail: dimension,
    organization: dimension,
    product: dimension,
    credential: dimension,
    credentialName: dimension,
    agent: dimension,
    taskType: dimension,
  },
  { error: required('dimensions', 'an object: whose the call is') },
);

const callSchema = z.object(
  {
    dimensions: dimensionsSchema,
    provider: words('provider', NAME_MAX),
    modelSource: z
      .string({ error: required('modelSource', 'text') })
      .max(NAME_MAX, { error: `must have at most ${NAME_MAX} characters` }),
    model: words('model', NAME_MAX),
    operationType: oneOf(OPERATION_TYPES),
    requestedServiceTier: anyText(NAME_MAX),
    pricingTier: optional(oneOf(['STANDARD', 'BATCH'])),
    hasVisionContent: flag(),
    billingUnit: anyText(NAME_MAX),
    quality: anyText(NAME_MAX),
    resolution: anyText(NAME_MAX),
  },
  { error: required('call', 'an object: what kind of call it is') },
);

const needSchema = z.object(
  { worst: boundSchema, expected: optional(countsSchema) },
  { error: required('need', 'an object: {"worst": {…}}') },
);

const id = z
  .uuid({ error: ({ input }) => (isMissing(input) ? 'id is required: a UUID of your own' : 'must be a UUID') })
  .transform((text) => text.toLowerCase());
const calls = whole(1, HOLD_CALLS_MAX).default(1);
const sequence = whole(1, Number.MAX_SAFE_INTEGER).describe(
  'counts the operations on one hold; an older one does nothing',
);
const amount = z
  .string({ error: 'must be a whole number as text, such as "2500000000"' })
  .regex(new RegExp(`^(?:0|[1-9]\\d{0,${AMOUNT_DIGITS_MAX - 1}})$`), {
    error: `must be a whole number as text of at most ${AMOUNT_DIGITS_MAX} digits, such as "2500000000"`,
  });
const amounts = z
  .record(words('control id', 128), amount, { error: 'must be an object: amounts as text by the ids of controls' })
  .refine((record) => Object.keys(record).length <= HOLD_PARTS_MAX, {
    error: `must name at most ${HOLD_PARTS_MAX} controls`,
  })
  .describe('amounts by control id: nano-dollars for TOTAL_COST, else a count');

/** The fields of a take. */
export const holdTakeFields = {
  id: id.describe('a UUID of your own: the same one again makes no second hold'),
  owner: words('owner', HOLD_OWNER_MAX).describe('who holds, unique for a process'),
  call: callSchema,
  need: needSchema,
  calls: calls.describe('calls like this one to cover; what is left decides'),
  ttlSeconds: optional(whole(HOLD_TTL_SECONDS.min, HOLD_TTL_SECONDS.max)).describe('default 120'),
};
/** The fields of an extension, beside the id. */
export const holdExtendFields = { sequence, call: callSchema, need: needSchema, missing: amounts, calls };
/** The fields of a giving back, beside the id. */
export const holdGiveBackFields = { sequence, keep: amounts };
/** The fields of a renewal, beside the id. */
export const holdRenewFields = { sequence };
/** The id of a hold. */
export const holdIdSchema = id;

const OPS = ['take', 'extend', 'give-back', 'renew'] as const;

/** One operation, as {@link HoldOperation} says it. */
export const holdOperationSchema = z.discriminatedUnion(
  'op',
  [
    z.object({ op: z.literal('take'), ...holdTakeFields }),
    z.object({ op: z.literal('extend'), id, ...holdExtendFields }),
    z.object({ op: z.literal('give-back'), id, ...holdGiveBackFields }),
    z.object({ op: z.literal('renew'), id, ...holdRenewFields }),
  ],
  {
    error: ({ input }) =>
      typeof input === 'object' && input !== null && !Array.isArray(input)
        ? notAllowed((input as { op?: unknown }).op, OPS)
        : 'must be an object: an operation such as {"op": "take", …}',
  },
);

/** What a request with several operations holds. */
export const holdBatchSchema = z.object(
  {
    operations: z
      .array(holdOperationSchema, { error: required('operations', 'a list of operations') })
      .min(1, { error: 'operations must not be empty' })
      .max(HOLD_OPERATIONS_MAX, { error: `must have at most ${HOLD_OPERATIONS_MAX} operations; send more requests` }),
  },
  { error: 'the body must be a JSON object: {"operations": […]}' },
);

/** An operation that passed. */
export type CheckedHoldOperation = z.output<typeof holdOperationSchema>;
