/** From the tokens of an event to its amount and price state (I5). Pure: rates are looked up through an argument. */
import { divide } from '../ledger/decimal.js';
import type { EventFacts } from '../ledger/event-facts.js';
import { catalogueProviderOf } from './provider-names.js';
import { type Rate, type Rates, rateFor } from './rates.js';
import { tokenConventionOf } from './token-convention.js';

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

/** Looks up what a model costs. */
export type PriceLookup = (model: string) => ModelPrice;

/**
 * A million dollars for one event is nonsense (a unit error, an attack): its price counts as unknown. It also keeps
 * the sum of a window within 64 bits for 9,000 such events.
 */
const AMOUNT_MAX_NANO_USD = 1_000_000n * 1_000_000_000n;
const UNKNOWN: EventPrice = { state: 'unknown', amountNanoUsd: 0n, rateSource: 'none' };

/** Prices one event: its own cost wins, then the lookup by the model that answered, then by the one asked for. */
export function priceEvent(facts: EventFacts, lookup: PriceLookup): EventPrice {
  const { costs } = facts;
  if (costs.total !== undefined) return bounded({ state: 'known', amountNanoUsd: costs.total, rateSource: 'caller' });
  if (facts.billingSkipped) return { state: 'known', amountNanoUsd: 0n, rateSource: 'billing-skipped' };
  // A call that failed and consumed nothing was not billed, whatever its model costs.
  const consumed = facts.inputTokens + facts.outputTokens + facts.totalTokens + facts.cacheReadTokens;
  const given = givenParts(facts);
  if (facts.failed && consumed + facts.cacheWriteTokens === 0 && given === undefined) {
    return { state: 'known', amountNanoUsd: 0n, rateSource: 'failed' };
  }
  const price = findPrice(facts, lookup);
  if (price.kind === 'free' && given === undefined) {
    return { state: 'free', amountNanoUsd: 0n, rateSource: price.source };
  }
  if (facts.usageState === 'unknown' && given === undefined) return UNKNOWN;
  return priceTokens(facts, price.kind === 'rates' ? price.rates : undefined, given ?? 0n);
}

function findPrice(facts: EventFacts, lookup: PriceLookup): ModelPrice {
  const answered = lookup(facts.model);
  if (answered.kind !== 'unknown' || facts.requestedModel === undefined) return answered;
  return lookup(facts.requestedModel);
}

/** The sum of the single costs that came with the event; `undefined` where there was none. */
function givenParts({ costs }: EventFacts): bigint | undefined {
  const parts = [costs.input, costs.output, costs.cacheWrite, costs.cacheRead].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0n);
}

interface Charge {
  readonly tokens: bigint;
  readonly rate: Rate | undefined;
  /** The event brought this part's cost: it is not priced again. */
  readonly given: boolean;
}

function priceTokens(facts: EventFacts, rates: Rates | undefined, givenNanoUsd: bigint): EventPrice {
  const { charges, contextTokens } = chargesOf(facts, rates);
  let picoUsd = 0n;
  let unknown = rates === undefined && !charges.some((charge) => charge.given);
  for (const charge of charges) {
    if (charge.given || charge.tokens === 0n) continue;
    if (charge.rate === undefined) unknown = true;
    else picoUsd += charge.tokens * rateFor(charge.rate, contextTokens);
  }
  if (rates?.request !== undefined) picoUsd += rateFor(rates.request, contextTokens);
  // What the event brought is certain even where the rest is not.
  if (unknown) return bounded({ state: 'unknown', amountNanoUsd: givenNanoUsd, rateSource: rates?.source ?? 'none' });
  const amountNanoUsd = givenNanoUsd + divide(picoUsd, 1_000n);
  return bounded({ state: 'known', amountNanoUsd, rateSource: rates?.source ?? 'caller' });
}

/** Splits the counts so that each token is in exactly one charge. The whole context, caches included, picks the tier. */
function chargesOf(facts: EventFacts, rates: Rates | undefined): { charges: Charge[]; contextTokens: bigint } {
  const convention = tokenConventionOf(catalogueProviderOf(facts.provider, facts.modelSource), facts);
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = facts;
  const readInside = convention.cacheRead === 'inside' ? cacheReadTokens : 0;
  const writeInside = convention.cacheWrite === 'inside' ? cacheWriteTokens : 0;
  const plainInput = Math.max(0, inputTokens - readInside - writeInside);
  const plainOutput = convention.reasoning === 'inside' ? Math.max(0, outputTokens - reasoningTokens) : outputTokens;
  // More reasoning than output, though it is said to be inside: all of the output is reasoning, and no more.
  const reasoning = convention.reasoning === 'inside' ? Math.min(reasoningTokens, outputTokens) : reasoningTokens;
  const oneHour = Math.min(facts.cacheWrite1hTokens, cacheWriteTokens);
  const { costs } = facts;
  const input = rates?.input;
  const output = rates?.output;
  const cacheWrite = rates?.cacheWrite ?? input;
  const charges: Charge[] = [
    charge(plainInput, input, costs.input),
    charge(cacheReadTokens, rates?.cacheRead ?? input, costs.cacheRead),
    charge(cacheWriteTokens - oneHour, cacheWrite, costs.cacheWrite),
    charge(oneHour, rates?.cacheWrite1h ?? cacheWrite, costs.cacheWrite),
    charge(plainOutput, output, costs.output),
    charge(reasoning, rates?.reasoning ?? output, costs.output),
  ];
  return { charges, contextTokens: BigInt(plainInput) + BigInt(cacheReadTokens) + BigInt(cacheWriteTokens) };
}

function charge(tokens: number, rate: Rate | undefined, given: bigint | undefined): Charge {
  return { tokens: BigInt(tokens), rate, given: given !== undefined };
}

function bounded(price: EventPrice): EventPrice {
  return price.amountNanoUsd > AMOUNT_MAX_NANO_USD ? { ...UNKNOWN, rateSource: 'out-of-range' } : price;
}
