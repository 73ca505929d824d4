/** Images, sound and film as charges: by the unit that the event names, else by the one that its model has a rate for. */
import type { EventFacts } from '../ledger/event-facts.js';
import type { MediaFacts } from '../ledger/media-facts.js';
import type { Charge, Charges } from './charge.js';
import { imageRateFor, type Rate, type RateSheet } from './rates.js';
import { tokenCharges } from './token-charges.js';

type BilledUnit = 'image' | 'time' | 'character' | 'credit' | 'token';

/** Contract 5.4: `billingUnit`. Minutes are not rounded up: a rate by the minute is one by the second. */
const BY_NAME: ReadonlyMap<string, BilledUnit> = new Map([
  ['PER_IMAGE', 'image'],
  ['PER_MINUTE', 'time'],
  ['PER_SECOND', 'time'],
  ['PER_CHARACTER', 'character'],
  ['PER_TOKEN', 'token'],
  ['CREDITS', 'credit'],
]);

/** For an event that names no unit, in this order. */
const BY_KIND = {
  image: ['image', 'token', 'credit'],
  audio: ['token', 'time', 'character', 'credit'],
  video: ['time', 'credit', 'token'],
} as const satisfies Record<string, readonly BilledUnit[]>;

/** The charges of a media event. Without rates nothing but what the event brought is known. */
export function mediaCharges(facts: EventFacts, media: MediaFacts, rates: RateSheet | undefined): Charges {
  const unit = billedUnitOf(facts, media, rates);
  if (unit === 'token') return tokenCharges(facts, rates);
  const charge = unit === undefined ? undefined : chargeOf(facts, media, rates, unit);
  if (charge === undefined) return { charges: [], contextTokens: 0n, unclear: true };
  return { charges: [charge], contextTokens: 0n, unclear: false };
}

function billedUnitOf(facts: EventFacts, media: MediaFacts, rates: RateSheet | undefined): BilledUnit | undefined {
  const named = media.billingUnit === undefined ? undefined : BY_NAME.get(media.billingUnit);
  if (named !== undefined) return named;
  const order: readonly BilledUnit[] = BY_KIND[facts.kind as keyof typeof BY_KIND] ?? [];
  return order.find((unit) => {
    if (unit === 'token') return countsTokens(facts, media) && (rates?.input ?? rates?.output) !== undefined;
    return chargeOf(facts, media, rates, unit)?.rate !== undefined;
  });
}

/** `undefined`: the event does not say how much. */
function chargeOf(
  facts: EventFacts,
  media: MediaFacts,
  rates: RateSheet | undefined,
  unit: Exclude<BilledUnit, 'token'>,
): Charge | undefined {
  switch (unit) {
    case 'image': {
      const images = media.images ?? media.requestedImages;
      return counted(images, rates === undefined ? undefined : imageRateFor(rates, media));
    }
    case 'character':
      return counted(media.characters, rates?.character);
    case 'time': {
      const { durationMs } = media;
      if (durationMs === undefined) return undefined;
      const isVideo = facts.kind === 'video';
      const minimumMs = isVideo || durationMs === 0 ? 0 : (rates?.audioMinimumMs ?? 0);
      const quantity = BigInt(Math.max(durationMs, minimumMs));
      return { quantity, unit: 'millisecond', rate: isVideo ? rates?.videoHour : rates?.audioHour, given: false };
    }
    case 'credit': {
      const { creditsNano, creditRateNanoUsd } = media;
      if (creditsNano === undefined) return undefined;
      // What the caller pays for a credit wins, as every cost that comes with an event.
      const own = creditRateNanoUsd === undefined ? undefined : { basePicoUsd: creditRateNanoUsd * 1_000n, tiers: [] };
      return { quantity: creditsNano, unit: 'nano-credit', rate: own ?? rates?.credit, given: false };
    }
  }
}

function counted(count: number | undefined, rate: Rate | undefined): Charge | undefined {
  return count === undefined ? undefined : { quantity: BigInt(count), unit: 'one', rate, given: false };
}

function countsTokens(facts: EventFacts, media: MediaFacts): boolean {
  return facts.inputTokens + facts.outputTokens + (media.inputAudioTokens ?? 0) + (media.outputAudioTokens ?? 0) > 0;
}
