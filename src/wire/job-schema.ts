/** Jobs and their outcomes as schemas (contract 5.9): what a service accepts. `null` means absent. */
import { z } from 'zod';
import { notAllowed } from './enumeration.js';
import { agenticJobId, isMissing, oneOf, required, text } from './event-field-kinds.js';

/** How the execution of a job ended (contract 5.8). */
export const EXECUTION_STATUSES = ['SUCCESS', 'FAILED', 'CANCELLED'] as const;
/** What came of a job (contract 5.8). */
export const OUTCOME_TYPES = ['CONVERTED', 'ESCALATED', 'DEFLECTED', 'UNSUCCESSFUL', 'CUSTOM'] as const;
/** Where a measured value comes from (contract 5.8). */
export const PROVENANCES = ['MEASURED', 'SELF_REPORTED', 'DERIVED', 'ATTESTED'] as const;

/** Dollars, or units of another currency; beyond it a value is a mistake. */
const VALUE_MAX = 1_000_000_000_000;
const METADATA_MAX = 65_536;
/** In one request. */
const METRICS_MAX = 100;

const value = () =>
  z
    .number({ error: 'must be a number' })
    .min(-VALUE_MAX, { error: `must be at least -${VALUE_MAX}` })
    .max(VALUE_MAX, { error: `must be at most ${VALUE_MAX}` });
const short = (max: number) =>
  z
    .string({ error: 'must be text' })
    .max(max, { error: `must have at most ${max} characters` })
    .nullish();
const reason = () => short(2_000);

/** Body of `POST /jobs`. */
export const jobCreateSchema = z.object(
  {
    agenticJobId: agenticJobId(),
    name: text(),
    type: text(),
    version: text(),
    environment: text(),
    teamId: z.string().nullish(),
  },
  { error: 'the body must be a JSON object: a job' },
);

/** One measured value of an outcome. */
export const outcomeMetricSchema = z.object(
  {
    key: z.string({ error: required('key', 'text') }).regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/, {
      error: 'must begin with a letter and hold up to 128 letters, digits, dots, dashes and underscores',
    }),
    value: z
      .number({ error: required('value', 'a number') })
      .min(-VALUE_MAX, { error: `must be at least -${VALUE_MAX}` })
      .max(VALUE_MAX, { error: `must be at most ${VALUE_MAX}` }),
    provenance: z.enum(PROVENANCES, {
      error: ({ input }) => (isMissing(input) ? 'provenance is required' : notAllowed(input, PROVENANCES)),
    }),
    recordedBy: short(256),
    source: short(256),
    reason: reason(),
    recordedAt: z.iso
      .datetime({ offset: true, error: 'must be an ISO-8601 time such as 2026-11-20T09:15:00.000Z' })
      .nullish(),
  },
  { error: 'must be an object {key, value, provenance}' },
);

/** Body of `POST /jobs/{id}/outcome/metrics`. */
export const outcomeMetricsSchema = z
  .array(outcomeMetricSchema, { error: 'the body must be a JSON array of metrics' })
  .min(1, { error: 'at least one metric is needed' })
  .max(METRICS_MAX, { error: `at most ${METRICS_MAX} metrics in one request` });

const metadata = () =>
  z
    .string({ error: 'must be text that holds JSON' })
    .max(METADATA_MAX, { error: `must have at most ${METADATA_MAX} characters` })
    .refine(isJson, { error: 'must be text that holds JSON' })
    .nullish();

const outcomeFields = {
  outcomeType: oneOf(OUTCOME_TYPES),
  outcomeValue: value().nullish(),
  outcomeCurrency: z
    .string({ error: 'must be text' })
    .regex(/^[A-Z]{3}$/, { error: 'must be a currency code of three capital letters such as USD' })
    .nullish(),
  metadata: metadata(),
  reportedBy: short(256),
};

/** Body of `POST /jobs/{id}/outcome`. */
export const outcomeCreateSchema = z.object(
  {
    executionStatus: z.enum(EXECUTION_STATUSES, {
      error: ({ input }) => (isMissing(input) ? 'executionStatus is required' : notAllowed(input, EXECUTION_STATUSES)),
    }),
    ...outcomeFields,
    outcomeReason: reason(),
    metrics: z
      .array(outcomeMetricSchema, { error: 'must be a list of metrics' })
      .max(METRICS_MAX, { error: `at most ${METRICS_MAX} metrics in one request` })
      .nullish(),
  },
  { error: 'the body must be a JSON object: an outcome' },
);

/** Body of `PATCH /jobs/{id}/outcome`: what is absent stays as it is. */
export const outcomePatchSchema = z.object(
  {
    executionStatus: oneOf(EXECUTION_STATUSES),
    ...outcomeFields,
    outcomeReason: reason(),
    reason: z
      .string({ error: required('reason', 'text') })
      .min(1, { error: 'reason is required' })
      .max(2_000, { error: 'must have at most 2000 characters' }),
    expectedEntityVersion: z
      .int({ error: 'must be a whole number' })
      .min(0, { error: 'must not be negative' })
      .nullish(),
  },
  { error: 'the body must be a JSON object: an amendment' },
);

/** What a job is declared with. */
export type JobCreate = z.output<typeof jobCreateSchema>;
/** One measured value. */
export type OutcomeMetricInput = z.output<typeof outcomeMetricSchema>;
/** An outcome as it is reported. */
export type OutcomeCreate = z.output<typeof outcomeCreateSchema>;
/** An amendment. */
export type OutcomePatch = z.output<typeof outcomePatchSchema>;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
