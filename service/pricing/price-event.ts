/** From an event to its amount and price state (I5). Pure: rates are looked up through an argument. */
import type { EventFacts } from '../ledger/event-facts.js';
import { type Charges, sumOf } from './charge.js';
import { mediaCharges } from './media-charges.js';
import { feesOf, flatRate, isFlat, type Rates } from './rates.js';
import { tokenCharges } from './token-charges.js';

/** Whether an amount is right: `known`, declared `free` by a person, or `unknown`, which is never the same as zero. */
export type PriceState = 'known' | 'free' | 'unknown';

/** What an event costs. An unknown amount counts 0 in the sum, and the event says that it is unknown. */
export interface EventPrice {
  readonly state: PriceState;
  readonly amountNanoUsd: bigint;
  /** Which rates, or `caller` where the event brought its cost, or `none`. */
  readonly rateSource: string;
}

/** What a team pays for a model. */
export type ModelPrice =
  | { readonly kind: 'free'; readonly source: string }
  | { readonly kind: 'rates'; readonly rates: Rates }
  | { readonly kind: 'unknown' };

/** Looks up what a model costs in a service tier; `undefined` is the standard one. */
export type PriceLookup = (model: string, serviceTier: string | undefined) => ModelPrice;

/**
 * A million dollars for one event is nonsense (a unit error, an attack): its price counts as unknown. It also keeps
 * the sum of a window within 64 bits for 9,000 such events.
 */
const AMOUNT_MAX_NANO_USD = 1_000_000n * 1_000_000_000n;
const UNKNOWN: EventPrice = { state: 'unknown', amountNanoUsd: 0n, rateSource: 'none' };

/** Prices one event: its own cost wins, then the lookup by the model that answered, then by the one asked for. */
export function priceEvent(facts: EventFacts, lookup: PriceLookup): EventPrice {
  const { costs, billing } = facts;
  if (costs.total !== undefined) return bounded({ state: 'known', amountNanoUsd: costs.total, rateSource: 'caller' });
  if (facts.billingSkipped) return { state: 'known', amountNanoUsd: 0n, rateSource: 'billing-skipped' };
  const given = givenParts(facts);
  // A call that failed and consumed nothing was not billed, whatever its model costs.
  if (facts.failed && !hasConsumed(facts) && given === undefined) {
    return { state: 'known', amountNanoUsd: 0n, rateSource: 'failed' };
  }
  const price = findPrice(facts, lookup);
  if (price.kind === 'free' && given === undefined) {
    return { state: 'free', amountNanoUsd: 0n, rateSource: price.source };
  }
  // Nobody bills for a tool or for an event of one's own, unless it says so or a price is declared for it.
  const isModel = facts.kind !== 'tool' && facts.kind !== 'event';
  if (!isModel && price.kind === 'unknown') return { state: 'known', amountNanoUsd: 0n, rateSource: 'no-charge' };
  if (facts.usageState === 'unknown' && given === undefined) return UNKNOWN;
  // Without sense in its multiplier nothing is known but what the event brought.
  if (billing.multiplierNano === null) return { ...UNKNOWN, amountNanoUsd: given ?? 0n, rateSource: 'out-of-range' };
  return priceCharges(facts, price.kind === 'rates' ? price.rates : undefined, given);
}

/**
 * Who gives a multiplier has said what the tier does to the price: it is laid on the standard rates. Else a tier has
 * rates of its own or none (I5).
 */
function findPrice({ model, requestedModel, billing }: EventFacts, lookup: PriceLookup): ModelPrice {
  const tier = billing.multiplierNano === undefined ? billing.serviceTier : undefined;
  const answered = lookup(model, tier);
  return answered.kind !== 'unknown' || requestedModel === undefined ? answered : lookup(requestedModel, tier);
}

/** Seconds and characters are what went in, also where nothing came out: they are billed with an answer only. */
function hasConsumed(facts: EventFacts): boolean {
  const { media } = facts;
  const tokens = facts.inputTokens + facts.outputTokens + facts.totalTokens + facts.cacheReadTokens;
  const sound = (media?.inputAudioTokens ?? 0) + (media?.outputAudioTokens ?? 0);
  return tokens + facts.cacheWriteTokens + sound + (media?.images ?? 0) > 0 || (media?.creditsNano ?? 0n) > 0n;
}

/** The sum of the single costs that came with the event; `undefined` where there was none. */
function givenParts({ costs }: EventFacts): bigint | undefined {
  const parts = [costs.input, costs.output, costs.cacheWrite, costs.cacheRead].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0n);
}

function priceCharges(facts: EventFacts, rates: Rates | undefined, given: bigint | undefined): EventPrice {
  const charges = chargesOf(facts, rates, given !== undefined);
  const known = rates !== undefined || charges.charges.some((charge) => charge.given || isOwnRate(facts, charge.unit));
  const amount = known ? sumOf(charges, facts.billing.multiplierNano ?? undefined) : undefined;
  const source = rates?.source;
  // What the event brought is certain even where the rest is not.
  if (amount === undefined) {
    return bounded({ state: 'unknown', amountNanoUsd: given ?? 0n, rateSource: source ?? 'none' });
  }
  return bounded({ state: 'known', amountNanoUsd: (given ?? 0n) + amount, rateSource: source ?? 'caller' });
}

function isOwnRate({ media }: EventFacts, unit: string): boolean {
  return unit === 'nano-credit' && media?.creditRateNanoUsd !== undefined;
}

function chargesOf(facts: EventFacts, rates: Rates | undefined, hasGiven: boolean): Charges {
  if (rates === undefined) return countedCharges(facts, rates, hasGiven);
  const counted = isFlat(rates) ? FLAT : countedCharges(facts, rates, hasGiven);
  const fees = feesOf(rates).map((rate) => ({ quantity: 1n, unit: 'one', rate, given: false }) as const);
  return fees.length === 0 ? counted : { ...counted, charges: [...counted.charges, ...fees] };
}

const FLAT: Charges = { charges: [], contextTokens: 0n, unclear: false };

function countedCharges(facts: EventFacts, rates: Rates | undefined, hasGiven: boolean): Charges {
  const { media } = facts;
  if (media !== undefined) {
    const charges = mediaCharges(facts, media, rates);
    const isByTokens = charges.charges.length > 1;
    // The costs of tokens that came with an event that is not billed by them are all of its cost.
    return hasGiven && !isByTokens
      ? { charges: [{ quantity: 0n, unit: 'one', rate: flatRate(0n), given: true }], contextTokens: 0n, unclear: false }
      : charges;
  }
  if (facts.kind === 'tool' || facts.kind === 'event') return rates === undefined ? FLAT : toolCharges(rates);
  return tokenCharges(facts, rates);
}

/** Only a price a request can be meant. */
function toolCharges(rates: Rates): Charges {
  return { ...FLAT, unclear: feesOf(rates).length === 0 };
}

function bounded(price: EventPrice): EventPrice {
  return price.amountNanoUsd > AMOUNT_MAX_NANO_USD ? { ...UNKNOWN, rateSource: 'out-of-range' } : price;
}
