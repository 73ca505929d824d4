/** From a tool event or a plain event that passed its schema to the canonical one (contract 5.1, 5.7). Pure. */
import type { plainEventSchema, toolEventSchema } from 'fusewire/internal';
import type { z } from 'zod';
import {
  type CanonicalEvent,
  canonicalFields,
  canonicalSubscriber,
  type EventTools,
  transactionIdOf,
} from './canonical-fields.js';

/** The canonical tool event. A deprecated name counts only where the canonical one is empty, and is not kept. */
export function normalizeTool(input: z.output<typeof toolEventSchema>, tools: EventTools): CanonicalEvent {
  const { organizationId, productId, subscriptionId, ...named } = input;
  const subscriberCredential = or(input.subscriberCredential, subscriptionId);
  const { organizationName: _organization, productName: _product, ...fields } = canonicalFields(named);
  const { organizationName, productName } = canonicalFields({
    organizationName: or(input.organizationName, organizationId),
    productName: or(input.productName, productId),
  });
  return {
    operation: 'execute',
    success: true,
    ...fields,
    ...(organizationName === undefined ? {} : { organizationName }),
    ...(productName === undefined ? {} : { productName }),
    ...canonicalSubscriber({ ...input, subscriberCredential }, tools.protect),
    transactionId: transactionIdOf(input.transactionId, tools.newId),
  };
}

/** The canonical plain event. It names no time of its own: its receipt counts. */
export function normalizePlain(input: z.output<typeof plainEventSchema>, tools: EventTools): CanonicalEvent {
  return {
    sourceType: 'UNKNOWN',
    ...canonicalFields(input),
    ...canonicalSubscriber(input, tools.protect),
    transactionId: transactionIdOf(input.transactionId, tools.newId),
  };
}

function or<T extends string | number>(canonical: T | null | undefined, deprecated: T | null | undefined) {
  return canonical === null || canonical === undefined || canonical === '' ? deprecated : canonical;
}
