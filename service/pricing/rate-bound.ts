/**
 * What a call can cost at most, as lines that are linear in what it consumes (DESIGN section 5, "the bound of a call"): so
 * that whoever holds knows the price of its next call without asking. Pure: prices are looked up in the team's book.
 */
import type { CallBound, HoldCall, RateBound, RateLine } from 'fusewire/internal';
import { divide } from '../ledger/decimal.js';
import { normalTier } from './billing-facts.js';
import type { PriceBook } from './price-book.js';
import type { ModelPrice } from './price-event.js';
import { lineOf, stepsOf, timeLines } from './rate-lines.js';
import { feesOf, imageRateFor, isFlat, type Rate, type Rates } from './rates.js';

/** What of a call its price depends on, beside its counts. */
export type RatedCall = Pick<
  HoldCall,
  | 'provider'
  | 'modelSource'
  | 'model'
  | 'operationType'
  | 'requestedServiceTier'
  | 'pricingTier'
  | 'hasVisionContent'
  | 'billingUnit'
  | 'quality'
  | 'resolution'
>;

const UNKNOWN: RateBound = Object.freeze({ state: 'unknown', lines: Object.freeze([]) });
const FREE: RateBound = Object.freeze({ state: 'free', lines: Object.freeze([]) });

/**
 * The dearest that such calls can become by the prices that hold at `atMs`: every token at the dearest rate that it can
 * have (read, written to a cache, heard, thought), every rate at its dearest step for a context up to the count, in the
 * dearest tier that is asked for. At least the price of every event within a bound, and exactly it for a price by the
 * request. `unknown` where some part of what can be consumed has no rate, or the counts have no bound.
 *
 * It holds for every bound that agrees with `bound` in what `ratesKeyOf` tells apart, however large its counts are.
 */
export function rateBoundOf(book: PriceBook, call: RatedCall, bound: CallBound, atMs: number): RateBound {
  const { provider, modelSource, model } = call;
  const lines: RateLine[] = [];
  let isFree = false;
  for (const serviceTier of tiersOf(call, bound)) {
    const price = book.look({ provider, modelSource, model, serviceTier, atMs });
    const one = linesAt(price, call, bound);
    if (one === undefined) return UNKNOWN;
    if (one === 'free') isFree = true;
    else lines.push(...one);
  }
  if (lines.length === 0) return isFree ? FREE : UNKNOWN;
  return { state: 'known', lines };
}

/** Until when the bound of such calls holds: a price that begins later, or ends, makes another one. `Infinity`: for good. */
export function rateBoundEnd(book: PriceBook, call: RatedCall, atMs: number): number {
  const { provider, modelSource, model } = call;
  const tiers = new Set([...tiersOf(call, ANY_SPEED), undefined]);
  const ends = [...tiers].map((serviceTier) => book.holdsUntil({ provider, modelSource, model, serviceTier, atMs }));
  return Math.min(...ends);
}

/** Whoever may be served faster, whatever a single call of the kind says. */
const ANY_SPEED = { tiers: ['fast'] };

/** Who asks for a tier can be served in the standard one, and be billed so. */
export function tiersOf(
  call: Pick<RatedCall, 'requestedServiceTier' | 'pricingTier'>,
  { tiers = [] }: Pick<CallBound, 'tiers'>,
): readonly (string | undefined)[] {
  const asked = [call.requestedServiceTier, call.pricingTier === 'BATCH' ? 'batch' : undefined, ...tiers];
  const named = asked.map(normalTier).filter((tier) => tier !== undefined);
  return named.length === 0 ? STANDARD : [undefined, ...new Set(named)];
}

const STANDARD: readonly undefined[] = [undefined];

/** `undefined`: nobody knows. */
function linesAt(price: ModelPrice, call: RatedCall, bound: CallBound): readonly RateLine[] | 'free' | undefined {
  if (price.kind === 'unknown') return undefined;
  if (price.kind === 'free') return 'free';
  const { rates } = price;
  const requestNano = requestOf(rates);
  if (isFlat(rates)) return [lineOf({ requestNano })];
  if (bound.unbounded !== undefined) return undefined;
  const lines = unitsOf(rates, call, bound).map((unit) => unit(requestNano));
  return lines.length === 0 || lines.includes(undefined) ? undefined : lines.flatMap((line) => line ?? []);
}

/**
 * The flat fees, at their dearest step. Rounded half up as the price of an event is: what is counted beside them is
 * rounded up, so the sum is not below the event's, and a price by the request is met exactly.
 */
function requestOf(rates: Rates): bigint {
  let picoUsd = 0n;
  for (const fee of feesOf(rates))
    picoUsd += [fee.basePicoUsd, ...fee.tiers.map((tier) => tier.picoUsd)].reduce(larger);
  return divide(picoUsd, 1_000n);
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The lines of one unit that a call may be billed by; `undefined`: some part has no rate. */
type Unit = (requestNano: bigint) => readonly RateLine[] | undefined;

/** One for each unit that it may be billed by; the dearest counts. */
function unitsOf(rates: Rates, call: RatedCall, bound: CallBound): readonly Unit[] {
  const isVideo = call.operationType === 'VIDEO';
  const isImage = call.operationType === 'IMAGE';
  const tokens: Unit = (requestNano) => tokenLines(rates, call, bound, requestNano);
  if (!isImage && !isVideo && call.operationType !== 'AUDIO') return [tokens];
  const named = call.billingUnit;
  const units: Unit[] = [];
  const offer = (unit: RegExp, isPossible: boolean, make: Unit): void => {
    if (named === undefined ? isPossible : unit.test(named)) units.push(make);
  };
  offer(/^PER_TOKEN$/, rates.input !== undefined || rates.output !== undefined, tokens);
  const hasImages = isImage && (rates.image !== undefined || rates.images !== undefined);
  offer(/^PER_IMAGE$/, hasImages, (requestNano) => {
    const picoUsd = counted(bound.images, imagePico(rates, call));
    return picoUsd === undefined ? undefined : [lineOf({ requestNano, imagePico: picoUsd })];
  });
  offer(/^PER_CHARACTER$/, rates.character !== undefined, (requestNano) => {
    const picoUsd = counted(bound.characters, rates.character?.basePicoUsd);
    return picoUsd === undefined ? undefined : [lineOf({ requestNano, characterPico: picoUsd })];
  });
  const hours = isVideo ? rates.videoHour : rates.audioHour;
  offer(/^PER_(MINUTE|SECOND)$/, hours !== undefined, (requestNano) => {
    const minimumMs = isVideo ? 0 : (rates.audioMinimumMs ?? 0);
    const picoUsd = counted(Math.max(bound.mediaSeconds, minimumMs), hours?.basePicoUsd);
    return picoUsd === undefined ? undefined : timeLines(requestNano, picoUsd, minimumMs);
  });
  return units;
}

/** A rate that is missing is 0 where nothing is consumed at it. */
function counted(countMax: number, picoUsd: bigint | undefined): bigint | undefined {
  return picoUsd ?? (countMax === 0 ? 0n : undefined);
}

function tokenLines(
  rates: Rates,
  call: RatedCall,
  bound: CallBound,
  requestNano: bigint,
): readonly RateLine[] | undefined {
  const { input, output } = tokenRatesOf(rates, call, bound);
  const inputRates = present(bound.inputTokensMax, input);
  const outputRates = present(bound.outputTokensMax, output);
  if (inputRates === undefined || outputRates === undefined) return undefined;
  return [lineOf({ requestNano, steps: stepsOf(inputRates, outputRates) })];
}

/** Every rate that a token of the input, or of the output, can have under a bound; `undefined` among them: one is missing. */
export function tokenRatesOf(
  rates: Rates,
  call: Pick<RatedCall, 'operationType' | 'hasVisionContent'>,
  bound: Pick<CallBound, 'cacheWrites' | 'hasSound'>,
): { readonly input: readonly (Rate | undefined)[]; readonly output: readonly (Rate | undefined)[] } {
  const isImage = call.operationType === 'IMAGE';
  const made = isImage ? (rates.outputImage ?? rates.output) : rates.output;
  const plain = rates.input;
  const hears = bound.hasSound !== false;
  const input: (Rate | undefined)[] = [plain, rates.cacheRead ?? plain];
  if (bound.cacheWrites !== 'none') input.push(rates.cacheWrite ?? plain);
  const isLong = bound.cacheWrites === undefined || bound.cacheWrites === 'long';
  if (isLong) input.push(rates.cacheWrite1h ?? (rates.cacheWrite1hUnknown === true ? undefined : plain));
  if (hears) input.push(rates.inputAudio ?? plain);
  if (isImage) input.push(rates.inputImage ?? plain);
  // Images among text, which nobody counts apart: what they cost is not known afterwards either.
  else if (call.hasVisionContent === true) input.push(isAlike(rates.inputImage, plain) ? plain : undefined);
  return { input, output: [made, rates.reasoning ?? made, ...(hears ? [rates.outputAudio ?? made] : [])] };
}

/** All of them; none where nothing is consumed at them; `undefined` where one is missing. */
function present(countMax: number, rates: readonly (Rate | undefined)[]): readonly Rate[] | undefined {
  const known = rates.filter((rate) => rate !== undefined);
  if (known.length === rates.length) return known;
  return countMax === 0 ? [] : undefined;
}

/** As `unclear` tells it of events: a rate of its own that is another one. */
function isAlike(special: Rate | undefined, plain: Rate | undefined): boolean {
  return special === undefined || special.basePicoUsd === plain?.basePicoUsd;
}

/** What the request leaves open, the answer decides: the dearest of what can come. */
export function imagePico(
  rates: Rates,
  { quality, resolution }: Pick<RatedCall, 'quality' | 'resolution'>,
): bigint | undefined {
  const said = imageRateFor(rates, { quality, resolution })?.basePicoUsd;
  if (quality !== undefined && resolution !== undefined) return said;
  let picoUsd = rates.image?.basePicoUsd ?? said;
  for (const rate of rates.images ?? []) {
    const canCome = isOpen(rate.quality, quality) && isOpen(rate.resolution, resolution);
    if (canCome && (picoUsd === undefined || rate.picoUsd > picoUsd)) picoUsd = rate.picoUsd;
  }
  return picoUsd;
}

function isOpen(priced: string | undefined, asked: string | undefined): boolean {
  return priced === undefined || asked === undefined || priced.toLowerCase() === asked.trim().toLowerCase();
}
