/** The list envelope of contract 4.4, and the queries that page through it. */

import { z } from 'zod';
import type { Page } from '../store/store.js';

/** A larger `size` is answered with this many. */
export const PAGE_SIZE_MAX = 500;
const PAGE_MAX = 1_000_000;

const whole = (field: string, min: number, max: number) =>
  z.coerce
    .number({ error: `${field} must be a whole number` })
    .int({ error: `${field} must be a whole number` })
    .min(min, { error: `${field} must be at least ${min}` })
    .max(max, { error: `${field} must be at most ${max}` });

/** Query parameters of every list; `page` counts from 0. */
export const pageQuery = {
  page: whole('page', 0, PAGE_MAX).default(0),
  size: whole('size', 1, Number.MAX_SAFE_INTEGER).default(20),
};

/** What a list may be narrowed to by a client that knows the hosted API; `tenantId` is accepted and not used. */
export const teamQuery = {
  teamId: z.string().optional().describe("the key's own team; another one is refused"),
  tenantId: z.string().optional(),
};

/** The page size that is used. */
export function boundedSize(size: number): number {
  return Math.min(size, PAGE_SIZE_MAX);
}

/** The envelope around `rows`, with the embedded list under `name`. */
export function envelope<N extends string, T>(
  name: N,
  rows: T[],
  page: Page<unknown>,
  query: { page: number; size: number },
) {
  return {
    _embedded: { [name]: rows } as Record<N, T[]>,
    _links: {},
    page: {
      size: query.size,
      totalElements: page.totalElements,
      totalPages: Math.ceil(page.totalElements / query.size),
      number: query.page,
    },
  };
}

/** The schema of an envelope. */
export function envelopeSchema<N extends string, S extends z.ZodType>(name: N, row: S) {
  return z.object({
    _embedded: z.object({ [name]: z.array(row) } as Record<N, z.ZodArray<S>>),
    _links: z.object({}),
    page: z.object({ size: z.int(), totalElements: z.int(), totalPages: z.int(), number: z.int() }),
  });
}

/** The schema of every error answer (contract 2.3). */
export const errorSchema = z.looseObject({
  message: z.string(),
  error: z.string(),
  details: z.record(z.string(), z.unknown()),
});
