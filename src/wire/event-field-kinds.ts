/** The kinds of fields that metered events are made of, with the words that refuse a wrong one. */
import { z } from 'zod';
import { notAllowed } from './enumeration.js';
import { COUNT_MAX, ID_MAX, NAME_MAX } from './event-bounds.js';

/** Contract 5.9. */
export const AGENTIC_JOB_ID = /^(?!types$|conversion-funnel$)[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}$/;

/** `null` counts as absent: public SDKs send it. */
export const isMissing = (value: unknown): boolean => value === undefined || value === null;
/** What is said of a field that has to be there. */
export const required = (name: string, kind: string) => (issue: { input?: unknown }) =>
  isMissing(issue.input) ? `${name} is required` : `must be ${kind}`;

/** Text; a number is taken for one, since ids often are. */
export const text = () => z.union([z.string(), z.number()], { error: 'must be text' }).nullish();
/** An id of at most 512 characters. */
export const id = () =>
  z.union([z.string().max(ID_MAX, { error: `must have at most ${ID_MAX} characters` }), z.number()], {
    error: (issue) => (typeof issue.input === 'string' ? `must have at most ${ID_MAX} characters` : 'must be text'),
  });
/** True or false. */
export const flag = () => z.boolean({ error: 'must be true or false' }).nullish();
/** A whole number, 0 or more. */
export const count = () =>
  z
    .int({ error: 'must be a whole number' })
    .min(0, { error: 'must not be negative' })
    .max(COUNT_MAX, { error: `must be at most ${COUNT_MAX}` })
    .nullish();
/** A number from 0 to `max`. */
export const amount = (max: number) =>
  z
    .number({ error: 'must be a number' })
    .min(0, { error: 'must not be negative' })
    .max(max, { error: `must be at most ${max}` })
    .nullish();
/** One of a closed list (contract 5.8). */
export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: (issue) => notAllowed(issue.input, values) }).nullish();
/** Text that has to be there: 1 to 256 characters. */
export const name = (field: string) =>
  z
    .string({ error: required(field, 'text') })
    .min(1, { error: `${field} is required` })
    .max(NAME_MAX, { error: `must have at most ${NAME_MAX} characters` });
/** An ISO-8601 time that has to be there. */
export const time = (field: string) =>
  z.iso.datetime({
    offset: true,
    error: (issue) =>
      isMissing(issue.input) ? `${field} is required` : 'must be an ISO-8601 time such as 2026-11-20T09:15:00.000Z',
  });

/** The job that an event or a request names (contract 5.9): a malformed one fails the whole of it. */
export const agenticJobId = () =>
  z.string({ error: required('agenticJobId', 'text') }).regex(AGENTIC_JOB_ID, {
    error: 'must begin with a letter or digit and hold up to 255 letters, digits, dots, dashes and underscores',
  });
