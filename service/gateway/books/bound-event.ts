/** A call as if it were an event that consumed as much as it can: so bounds go through the functions of the ledger. */
import type { CountedEvent } from '../../ledger/counted-event.js';
import { emailKeyOf } from '../../ledger/counted-event.js';
import type { PriceBound } from '../bound/price-bound.js';
import type { GatewayCall } from '../types.js';

/** The event; its amounts are the most that the call can add to each metric. */
export function boundEventOf(
  call: Pick<GatewayCall, 'bound' | 'dimensions' | 'reading'>,
  price: PriceBound,
  departments: readonly number[],
  nowMs: number,
): CountedEvent {
  const { bound, dimensions, reading } = call;
  const { operationType } = reading;
  return {
    id: '',
    windowTimeMs: nowMs,
    asked: dimensions,
    answeredModel: undefined,
    subscriberGroup: groupOfSubscriber(dimensions),
    departments,
    inputTokens: bound.inputTokensMax,
    outputTokens: bound.outputTokensMax,
    totalTokens: bound.inputTokensMax + bound.outputTokensMax,
    // All of the input may be read from a cache, or written to one.
    cachedTokens: bound.inputTokensMax,
    failed: false,
    imageCount: bound.images,
    videoCount: operationType === 'VIDEO' ? 1 : 0,
    audioCount: operationType === 'AUDIO' ? 1 : 0,
    characterCount: bound.characters,
    // No provider behind the gateway bills credits.
    creditsNano: 0n,
    amountNanoUsd: price.amountNanoUsd,
    priceUnknown: price.state === 'unknown',
  };
}

/** The subscriber of a gateway is a customer, whose id is no address: it stands for itself, whatever address comes along. */
export function groupOfSubscriber(named: {
  readonly subscriberId?: string | undefined;
  readonly subscriberEmail?: string | undefined;
}): string | undefined {
  const { subscriberId, subscriberEmail } = named;
  if (subscriberId !== undefined) return subscriberId.includes('@') ? emailKeyOf(subscriberId) : subscriberId;
  return subscriberEmail === undefined ? undefined : emailKeyOf(subscriberEmail) || undefined;
}
