/** From a completion that passed the schema to the canonical event that the ledger keeps (contract 5.3). Pure. */
import type { UsageEventInput } from 'fusewire/internal';
import {
  type CanonicalEvent,
  canonicalFields,
  canonicalSubscriber,
  type EventTools,
  transactionIdOf,
} from './canonical-fields.js';

/** The canonical completion, with the defaults of the contract. */
export function normalizeEvent(input: UsageEventInput, { newId, protect }: EventTools): CanonicalEvent {
  return {
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    ...canonicalFields(input),
    ...canonicalSubscriber(input, protect),
    ...usageStateOf(input),
    transactionId: transactionIdOf(input.transactionId, newId),
  };
}

/** An event without any count and without a price of its own is one whose usage nobody knows (I5). */
function usageStateOf(input: UsageEventInput): { attributes?: Record<string, unknown> } {
  const known = [input.inputTokenCount, input.outputTokenCount, input.totalTokenCount, input.totalCost];
  const attributes = input.attributes ?? {};
  if (known.some((value) => value !== null && value !== undefined) || attributes['usageState'] !== undefined) return {};
  return { attributes: { ...attributes, usageState: 'unknown' } };
}
