/** Which calls are of one kind: a text for each. */
import { ratesKeyOf } from '../bound/rates-key.js';
import type { HoldAsk } from './holder-types.js';

/**
 * A text that is the same exactly for calls that share holds: whose they are, and what their price depends on beside their
 * counts. Runs before each call.
 */
export function scopeKey({ call, need, size }: HoldAsk): string {
  const { dimensions } = call;
  const { worst } = need;
  return (
    field(call.model) +
    field(call.provider) +
    field(call.modelSource) +
    field(call.operationType) +
    field(call.requestedServiceTier) +
    field(call.pricingTier) +
    field(call.billingUnit) +
    field(call.quality) +
    field(call.resolution) +
    field(dimensions.model) +
    field(dimensions.provider) +
    field(dimensions.subscriberId) +
    field(dimensions.subscriberEmail) +
    field(dimensions.organization) +
    field(dimensions.product) +
    field(dimensions.credential) +
    field(dimensions.credentialName) +
    field(dimensions.agent) +
    field(dimensions.taskType) +
    field(ratesKeyOf(worst)) +
    field(size) +
    (call.hasVisionContent === true ? 'V' : '-')
  );
}

/** With its length before it: no text of a caller's can look like two others. */
function field(text: string | undefined): string {
  return text === undefined ? '|' : `${text.length}:${text}`;
}
