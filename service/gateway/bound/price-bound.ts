/** What a call can cost at most (DESIGN section 5, "the bound of a call"). Pure: prices are looked up in the team's book. */
import type { RequestReading } from 'fusewire/internal';
import { type Charge, sumOf } from '../../pricing/charge.js';
import type { PriceBook } from '../../pricing/price-book.js';
import type { ModelPrice } from '../../pricing/price-event.js';
import { imagePico, tiersOf, tokenRatesOf } from '../../pricing/rate-bound.js';
import { feesOf, flatRate, isFlat, type Rate, type Rates } from '../../pricing/rates.js';
import type { CallBound } from '../types.js';

/** As the price of an event (I5). An unknown amount is 0 and says nothing; what is free costs 0. */
export interface PriceBound {
  readonly state: 'known' | 'free' | 'unknown';
  readonly amountNanoUsd: bigint;
}

/** What of a call is priced. */
export interface PricedCall {
  readonly reading: Pick<
    RequestReading,
    | 'provider'
    | 'modelSource'
    | 'model'
    | 'operationType'
    | 'requestedServiceTier'
    | 'pricingTier'
    | 'hasVisionContent'
    | 'media'
  >;
  readonly bound: CallBound;
}

const UNKNOWN: PriceBound = { state: 'unknown', amountNanoUsd: 0n };
const FREE: PriceBound = { state: 'free', amountNanoUsd: 0n };

/**
 * The dearest that a call can become by the prices that hold at `atMs`: every token at the dearest rate that it can have
 * (read, written to a cache, heard, thought), every rate at its dearest step for a context up to the bound, in the
 * dearest tier that it asks for. At least the price of every event within the bound, and exactly it for a price by the
 * request. `unknown` where some part of what it can consume has no rate, or its counts have no bound.
 */
export function priceBound(book: PriceBook, { reading, bound }: PricedCall, atMs: number): PriceBound {
  const { provider, modelSource, model = 'unknown' } = reading;
  let dearest: PriceBound | undefined;
  for (const serviceTier of tiersOf(reading, bound)) {
    const price = book.look({ provider, modelSource, model, serviceTier, atMs });
    const one = boundAt(price, reading, bound);
    if (one.state === 'unknown') return UNKNOWN;
    if (dearest === undefined || one.amountNanoUsd > dearest.amountNanoUsd || dearest.state === 'free') dearest = one;
  }
  return dearest ?? UNKNOWN;
}

function boundAt(price: ModelPrice, reading: PricedCall['reading'], bound: CallBound): PriceBound {
  if (price.kind === 'unknown') return UNKNOWN;
  if (price.kind === 'free') return FREE;
  const { rates } = price;
  const options = isFlat(rates) ? [[]] : optionsOf(rates, reading, bound);
  if (!isFlat(rates) && bound.unbounded !== undefined) return UNKNOWN;
  let amountNanoUsd: bigint | undefined;
  for (const charges of options) {
    const amount = sumOf({ charges: withFee(charges, rates, bound), contextTokens: 0n, unclear: false });
    if (amount === undefined) return UNKNOWN;
    if (amountNanoUsd === undefined || amount > amountNanoUsd) amountNanoUsd = amount;
  }
  return amountNanoUsd === undefined ? UNKNOWN : { state: 'known', amountNanoUsd };
}

function withFee(charges: readonly Charge[], rates: Rates, bound: CallBound): readonly Charge[] {
  return [...charges, ...feesOf(rates).map((fee) => charge(1, dearest(bound, fee)))];
}

/** One list of charges for each unit that it may be billed by; the dearest counts. */
function optionsOf(rates: Rates, reading: PricedCall['reading'], bound: CallBound): readonly (readonly Charge[])[] {
  const isVideo = reading.operationType === 'VIDEO';
  const isImage = reading.operationType === 'IMAGE';
  const tokens = () => tokenOption(rates, reading, bound);
  if (!isImage && !isVideo && reading.operationType !== 'AUDIO') return [tokens()];
  const named = reading.media?.billingUnit;
  const hasTokens = rates.input !== undefined || rates.output !== undefined;
  const options: (readonly Charge[])[] = [];
  const offer = (unit: RegExp, isPossible: boolean, make: () => readonly Charge[]): void => {
    if (named === undefined ? isPossible : unit.test(named)) options.push(make());
  };
  offer(/^PER_TOKEN$/, hasTokens, tokens);
  const hasImages = isImage && (rates.image !== undefined || rates.images !== undefined);
  offer(/^PER_IMAGE$/, hasImages, () => [charge(bound.images, imageRate(rates, reading.media))]);
  offer(/^PER_CHARACTER$/, rates.character !== undefined, () => [charge(bound.characters, base(rates.character))]);
  const hours = isVideo ? rates.videoHour : rates.audioHour;
  offer(/^PER_(MINUTE|SECOND)$/, hours !== undefined, () => {
    const minimumMs = isVideo ? 0 : (rates.audioMinimumMs ?? 0);
    const quantity = BigInt(Math.max(Math.ceil(bound.mediaSeconds * 1_000), minimumMs));
    return [{ quantity, unit: 'millisecond', rate: base(hours), given: false }];
  });
  return options;
}

function tokenOption(rates: Rates, reading: PricedCall['reading'], bound: CallBound) {
  const { input, output } = tokenRatesOf(rates, reading, bound);
  return [
    charge(bound.inputTokensMax, dearest(bound, ...input)),
    charge(bound.outputTokensMax, dearest(bound, ...output)),
  ];
}

/** The dearest step of the dearest rate, of those that a context up to the bound can reach. `undefined`: one is missing. */
function dearest(bound: CallBound, ...rates: readonly (Rate | undefined)[]): Rate | undefined {
  const context = BigInt(Math.ceil(bound.inputTokensMax));
  let picoUsd = 0n;
  for (const rate of rates) {
    if (rate === undefined) return undefined;
    if (rate.basePicoUsd > picoUsd) picoUsd = rate.basePicoUsd;
    for (const tier of rate.tiers) if (context > tier.aboveTokens && tier.picoUsd > picoUsd) picoUsd = tier.picoUsd;
  }
  return flatRate(picoUsd);
}

/** Media are billed without a context. */
function base(rate: Rate | undefined): Rate | undefined {
  return rate === undefined ? undefined : flatRate(rate.basePicoUsd);
}

/** What the request leaves open, the answer decides: the dearest of what can come. */
function imageRate(rates: Rates, media: RequestReading['media']): Rate | undefined {
  const picoUsd = imagePico(rates, media ?? {});
  return picoUsd === undefined ? undefined : flatRate(picoUsd);
}

function charge(count: number, rate: Rate | undefined): Charge {
  return { quantity: BigInt(Math.ceil(count)), unit: 'one', rate, given: false };
}
