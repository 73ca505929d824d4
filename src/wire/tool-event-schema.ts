/** Tool events (contract 5.7) and plain events (contract 5.1) as schemas: what a service accepts. */
import { z } from 'zod';
import { COST_MAX_USD } from './event-bounds.js';
import { agenticJobId, amount, count, flag, id, name, required, text, time } from './event-field-kinds.js';

/** Above this a tool ran for longer than a year: a mistake. */
const DURATION_MAX_MS = 31_536_000_000;

/**
 * Body of `POST /meter/v2/tool/events`. Required: `toolId`, `durationMs` and `timestamp`, the time at which the tool ran;
 * `success` is true where it is missing. `organizationId`, `productId` and `subscriptionId` stand in for the canonical
 * name where that is empty (contract 5.7), on this route only.
 */
export const toolEventSchema = z.object(
  {
    transactionId: id().nullish(),
    toolId: name('toolId'),
    durationMs: z
      .int({ error: required('durationMs', 'a whole number') })
      .min(0, { error: 'must not be negative' })
      .max(DURATION_MAX_MS, { error: `must be at most ${DURATION_MAX_MS}` }),
    success: flag(),
    timestamp: time('timestamp'),
    operation: text(),
    errorMessage: text(),
    costUsd: amount(COST_MAX_USD),
    usageMetadata: z.record(z.string(), z.unknown(), { error: 'must be an object' }).nullish(),
    agenticJobId: agenticJobId().nullish(),
    agenticJobName: text(),
    agenticJobType: text(),
    agenticJobVersion: text(),
    agent: text(),
    workflowId: text(),
    traceId: text(),
    taskType: text(),
    environment: text(),
    middlewareSource: text(),
    retryNumber: count(),
    organizationName: text(),
    organizationId: text(),
    productName: text(),
    productId: text(),
    subscriberId: text(),
    subscriberEmail: text(),
    subscriberCredential: text(),
    subscriptionId: text(),
  },
  { error: 'the body must be a JSON object: one tool event' },
);

/** Body of `POST /meter/v2/events`. Required: `payload`, text or an object. The list of source types is open. */
export const plainEventSchema = z.object(
  {
    transactionId: id().nullish(),
    payload: z.union([z.string(), z.record(z.string(), z.unknown())], {
      error: required('payload', 'text or an object'),
    }),
    sourceType: z.string({ error: 'must be text' }).max(128, { error: 'must have at most 128 characters' }).nullish(),
    sourceId: text(),
    subscriberCredential: text(),
  },
  { error: 'the body must be a JSON object: one event' },
);
