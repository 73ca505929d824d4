/** Customers of the gateway and their keys, as the API takes and shows them. Amounts are exact decimal text. */
import { notAllowed, WEEK_DAYS, WINDOW_TYPES } from 'fusewire/internal';
import { z } from 'zod';
import type { GatewayKey } from '../gateway/types.js';
import type { BudgetInput, ListedCustomer } from '../ledger/customers.js';
import type { GatewayKeyInput } from '../ledger/gateway-keys.js';

const text = (field: string) =>
  z.string({ error: ({ input }) => (input === undefined ? `${field} is required` : 'must be text') });
const oneOf = <const T extends readonly [string, ...string[]]>(names: T) =>
  z.enum(names, { error: ({ input }) => notAllowed(input, names) });
const wholeNumber = z.int({ error: 'must be a whole number' });
const teamId = z.string({ error: 'must be text' }).nullish();

const AMOUNT_OR_OBJECT = 'must be an amount of dollars, or an object with amount';
const amount = z
  .union([z.string(), z.number()], { error: 'must be an amount of dollars, as a number or as text' })
  .transform((given) => String(given));
const budgetObject = z.object(
  {
    amount: amount.optional().describe('dollars; 0 lets nothing pass'),
    windowType: oneOf(WINDOW_TYPES).optional().describe('MONTHLY where it is left out'),
    windowDuration: z.string({ error: 'must be text' }).nullish().describe('of a ROLLING window, for instance PT24H'),
    timeZone: z.string({ error: 'must be text' }).optional().describe('UTC where it is left out'),
    weekStart: oneOf(WEEK_DAYS).optional(),
    hard: z
      .boolean({ error: 'must be true or false' })
      .optional()
      .describe('calls are admitted against holds only; false where it is left out of a new budget'),
  },
  { error: AMOUNT_OR_OBJECT },
);
const budget = z
  .union([amount, budgetObject], {
    error: (issue) => {
      const within = issue.code === 'invalid_union' && isObject(issue.input) ? issue.errors?.[1]?.[0] : undefined;
      return within === undefined ? AMOUNT_OR_OBJECT : `${within.path.join('.')} ${within.message}`.trim();
    },
  })
  .nullish();

/** A customer to make. */
export const customerCreateSchema = z.object(
  { teamId, name: text('name'), email: text('email'), budget: budget.describe('without one nothing limits it') },
  { error: 'the body must be a JSON object: a customer' },
);

/** What changes of a customer; what is left out stays, and `budget: null` ends the budget. */
export const customerPatchSchema = z.object(
  {
    teamId,
    name: text('name').optional(),
    email: text('email').optional(),
    active: z.boolean({ error: 'must be true or false' }).optional(),
    budget,
  },
  { error: 'the body must be a JSON object: what changes of the customer' },
);

const time = z.iso.datetime();
/** A customer as it is shown. */
export const customerSchema = z.object({
  id: z.string().describe('the subscriber id of its events'),
  resourceType: z.literal('customer'),
  teamId: z.string(),
  number: z.int(),
  name: z.string(),
  email: z.string(),
  active: z.boolean(),
  budget: z
    .object({
      controlId: z.string().describe('the cost control that it is'),
      amount: z.string(),
      warnThreshold: z.string().nullable(),
      windowType: z.enum(WINDOW_TYPES),
      windowDuration: z.string().nullable(),
      timeZone: z.string(),
      weekStart: z.enum(WEEK_DAYS),
      enabled: z.boolean(),
      shadowMode: z.boolean(),
      hard: z.boolean().describe('calls are admitted against holds only'),
      raised: z.string().describe('what open raises add to the amount now'),
    })
    .nullable(),
  created: time,
  updated: time,
  deleted: time.nullable(),
});

/** What a deletion says. */
export const deletedCustomerSchema = customerSchema.extend({ revokedKeys: z.int() });

/** A key to make. All of it can be left out. */
export const gatewayKeyCreateSchema = z
  .object(
    {
      teamId,
      label: z.string({ error: 'must be text' }).nullish(),
      expires: z.iso
        .datetime({ offset: true, error: 'must be a full date-time, for instance 2027-01-01T00:00:00Z' })
        .nullish(),
      ratePerSecond: wholeNumber.nullish().describe('requests a second'),
      concurrencyMax: wholeNumber.nullish().describe('requests at the same time'),
      models: z
        .array(z.string({ error: 'must be text' }), { error: 'must be a list of models' })
        .nullish()
        .describe('those it may ask for; all where it is left out'),
      dimensions: z
        .record(z.string(), z.string({ error: 'must be text' }), { error: 'must be an object' })
        .nullish()
        .describe('organizationName, productName, agent, taskType, environment: fixed for every call with the key'),
    },
    { error: 'the body must be a JSON object: a key' },
  )
  .nullish();

/** What a rotation takes. */
export const rotateSchema = z
  .object(
    {
      teamId,
      overlapSeconds: wholeNumber
        .nullish()
        .describe('how long the secret before goes on working, at most 30 days; 0 where it is left out'),
    },
    { error: 'the body must be a JSON object' },
  )
  .nullish();

/** A key as it is shown. */
export const gatewayKeySchema = z.object({
  id: z.string().describe('the credential name of its events'),
  resourceType: z.literal('gatewayKey'),
  teamId: z.string(),
  customerId: z.string(),
  label: z.string(),
  hint: z.string().describe('the last four characters of the secret'),
  state: z.enum(['active', 'expired', 'revoked']),
  ratePerSecond: z.int().nullable(),
  concurrencyMax: z.int().nullable(),
  models: z.array(z.string()).nullable(),
  dimensions: z.record(z.string(), z.string()),
  created: time,
  expires: time.nullable(),
  revoked: time.nullable(),
});

/** The one answer that holds the key itself. */
export const gatewayKeyWithSecretSchema = gatewayKeySchema.extend({ key: z.string().describe('shown this once') });

/** A budget of a body as the store takes it. */
export function readBudget(given: z.output<typeof budget>): BudgetInput | null | undefined {
  return typeof given === 'string' ? { amount: given } : given;
}

/** A key of a body as the store takes it. */
export function readGatewayKey(given: z.output<typeof gatewayKeyCreateSchema>): GatewayKeyInput {
  const { label, expires, ratePerSecond, concurrencyMax, models, dimensions } = given ?? {};
  return {
    label: label ?? undefined,
    expiresAtMs: expires == null ? undefined : Date.parse(expires),
    ratePerSecond: ratePerSecond ?? undefined,
    concurrencyMax: concurrencyMax ?? undefined,
    models: models ?? undefined,
    dimensions: dimensions ?? undefined,
  };
}

/** The resource of a customer. */
export function customerResource(customer: ListedCustomer): z.output<typeof customerSchema> {
  const { id, teamId: team, number, name, email, active, budget: own } = customer;
  return {
    ...{ id, resourceType: 'customer', teamId: team, number, name, email, active, budget: own },
    created: iso(customer.createdAtMs),
    updated: iso(customer.updatedAtMs),
    deleted: isoOrNull(customer.deletedAtMs),
  };
}

/** The resource of a key; whether it has expired is as of `nowMs`. */
export function gatewayKeyResource(key: GatewayKey, nowMs: number): z.output<typeof gatewayKeySchema> {
  const { id, teamId: team, customerId, label, hint, models, dimensions, expiresAtMs, revokedAtMs } = key;
  const hasExpired = expiresAtMs !== undefined && expiresAtMs <= nowMs;
  return {
    ...{ id, resourceType: 'gatewayKey', teamId: team, customerId, label, hint },
    state: revokedAtMs !== undefined ? 'revoked' : hasExpired ? 'expired' : 'active',
    ratePerSecond: key.ratePerSecond ?? null,
    concurrencyMax: key.concurrencyMax ?? null,
    models: models === undefined ? null : [...models],
    dimensions: { ...dimensions },
    created: iso(key.createdAtMs),
    expires: isoOrNull(expiresAtMs),
    revoked: isoOrNull(revokedAtMs),
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms);
}
