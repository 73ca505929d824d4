/** What a call can cost at most (DESIGN section 5, "the bound of a call"). Pure: prices are looked up in the team's book. */
import type { RequestReading } from 'fusewire/internal';
import { normalTier } from '../../pricing/billing-facts.js';
import { type Charge, sumOf } from '../../pricing/charge.js';
import type { PriceBook } from '../../pricing/price-book.js';
import type { ModelPrice } from '../../pricing/price-event.js';
import { feesOf, flatRate, imageRateFor, isFlat, type Rate, type Rates } from '../../pricing/rates.js';
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

/** Who asks for a tier can be served in the standard one, and be billed so. */
function tiersOf(reading: PricedCall['reading'], { tiers = [] }: CallBound): readonly (string | undefined)[] {
  const asked = [reading.requestedServiceTier, reading.pricingTier === 'BATCH' ? 'batch' : undefined, ...tiers];
  const named = asked.map(normalTier).filter((tier) => tier !== undefined);
  return named.length === 0 ? STANDARD : [undefined, ...new Set(named)];
}

const STANDARD: readonly undefined[] = [undefined];

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
  const tokens = () => tokenOption(rates, reading, bound, isImage);
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

function tokenOption(rates: Rates, reading: PricedCall['reading'], bound: CallBound, isImage: boolean) {
  const output = isImage ? (rates.outputImage ?? rates.output) : rates.output;
  const plain = rates.input;
  const hears = bound.hasSound !== false;
  const input: (Rate | undefined)[] = [plain, rates.cacheRead ?? plain];
  if (bound.cacheWrites !== 'none') input.push(rates.cacheWrite ?? plain);
  const isLong = bound.cacheWrites === undefined || bound.cacheWrites === 'long';
  if (isLong) input.push(rates.cacheWrite1h ?? (rates.cacheWrite1hUnknown === true ? undefined : plain));
  if (hears) input.push(rates.inputAudio ?? plain);
  if (isImage) input.push(rates.inputImage ?? plain);
  // Images among text, which nobody counts apart: what they cost is not known afterwards either.
  else if (reading.hasVisionContent === true) input.push(isAlike(rates.inputImage, plain) ? plain : undefined);
  const out = [output, rates.reasoning ?? output, ...(hears ? [rates.outputAudio ?? output] : [])];
  return [
    charge(bound.inputTokensMax, dearest(bound, ...input)),
    charge(bound.outputTokensMax, dearest(bound, ...out)),
  ];
}

/** As `unclear` tells it of events: a rate of its own that is another one. */
function isAlike(special: Rate | undefined, plain: Rate | undefined): boolean {
  return special === undefined || special.basePicoUsd === plain?.basePicoUsd;
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
  const asked = { quality: media?.quality, resolution: media?.resolution };
  const said = imageRateFor(rates, asked);
  if (asked.quality !== undefined && asked.resolution !== undefined) return base(said);
  let picoUsd = rates.image?.basePicoUsd ?? said?.basePicoUsd;
  for (const rate of rates.images ?? []) {
    const canCome = isOpen(rate.quality, asked.quality) && isOpen(rate.resolution, asked.resolution);
    if (canCome && (picoUsd === undefined || rate.picoUsd > picoUsd)) picoUsd = rate.picoUsd;
  }
  return picoUsd === undefined ? undefined : flatRate(picoUsd);
}

function isOpen(priced: string | undefined, asked: string | undefined): boolean {
  return priced === undefined || asked === undefined || priced.toLowerCase() === asked.trim().toLowerCase();
}

function charge(count: number, rate: Rate | undefined): Charge {
  return { quantity: BigInt(Math.ceil(count)), unit: 'one', rate, given: false };
}
