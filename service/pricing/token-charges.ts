/** The tokens of an event as charges: each token in exactly one of them, by the convention of its provider. */
import type { EventFacts } from '../ledger/event-facts.js';
import type { Charge, Charges } from './charge.js';
import { catalogueProviderOf } from './provider-names.js';
import type { Rate, RateSheet } from './rates.js';
import { tokenConventionOf } from './token-convention.js';

/** Splits the counts. The whole context, caches and sound included, picks the tier. */
export function tokenCharges(facts: EventFacts, rates: RateSheet | undefined): Charges {
  const convention = tokenConventionOf(catalogueProviderOf(facts.provider, facts.modelSource), facts);
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens, costs, billing } = facts;
  const readInside = convention.cacheRead === 'inside' ? cacheReadTokens : 0;
  const writeInside = convention.cacheWrite === 'inside' ? cacheWriteTokens : 0;
  // Sound is counted within the input and the output by everybody who counts it; where those are absent, beside them.
  const fresh = Math.max(0, inputTokens - readInside - writeInside);
  // Cached sound is among the cached tokens: no token is charged twice.
  const heard = inputTokens === 0 ? billing.inputAudioTokens : Math.min(billing.inputAudioTokens, fresh);
  const spoken = billing.outputAudioTokens;
  const seenAndRead = Math.max(0, fresh - heard);
  const seen = Math.min(billing.inputImageTokens ?? 0, seenAndRead);
  const plainInput = seenAndRead - seen;
  const written = Math.max(0, outputTokens - spoken);
  const plainOutput = convention.reasoning === 'inside' ? Math.max(0, written - reasoningTokens) : written;
  // More reasoning than output, though it is said to be inside: all of the output is reasoning, and no more.
  const reasoning = convention.reasoning === 'inside' ? Math.min(reasoningTokens, written) : reasoningTokens;
  const oneHour = Math.min(facts.cacheWrite1hTokens, cacheWriteTokens);
  const input = rates?.input;
  const output = outputRate(facts, rates);
  const cacheWrite = rates?.cacheWrite ?? input;
  const cacheWrite1h = rates?.cacheWrite1h ?? (rates?.cacheWrite1hUnknown === true ? undefined : cacheWrite);
  const charges: Charge[] = [
    charge(plainInput, input, costs.input),
    charge(heard, rates?.inputAudio ?? input, costs.input),
    charge(seen, rates?.inputImage ?? input, costs.input),
    charge(cacheReadTokens, rates?.cacheRead ?? input, costs.cacheRead),
    charge(cacheWriteTokens - oneHour, cacheWrite, costs.cacheWrite),
    charge(oneHour, cacheWrite1h, costs.cacheWrite),
    charge(plainOutput, output, costs.output),
    charge(spoken, rates?.outputAudio ?? output, costs.output),
    charge(reasoning, rates?.reasoning ?? output, costs.output),
  ];
  const context = plainInput + heard + seen + cacheReadTokens + cacheWriteTokens;
  const unclear =
    (costs.input === undefined && (hasUnclearInput(facts, rates) || isBeyond(billing.inputAudioTokens, inputTokens))) ||
    (costs.output === undefined && isBeyond(spoken, outputTokens));
  return { charges, contextTokens: BigInt(context), unclear };
}

/** What an image model puts out are images, at the rate for those where it has one. */
function outputRate(facts: EventFacts, rates: RateSheet | undefined): Rate | undefined {
  return facts.kind === 'image' ? (rates?.outputImage ?? rates?.output) : rates?.output;
}

/** Input of two prices in one count: images or cached sound among text, where those cost something else. */
function hasUnclearInput(facts: EventFacts, rates: RateSheet | undefined): boolean {
  const { media, billing } = facts;
  const hasImages =
    billing.hasVision || (facts.kind === 'image' && media?.subtype !== undefined && media.subtype !== 'generation');
  const images = billing.inputImageTokens;
  // Which of them were cached, nobody says.
  const isUncounted = images === undefined ? hasImages : images > 0 && facts.cacheReadTokens > 0;
  if (isUncounted && facts.inputTokens > 0 && differs(rates?.inputImage, rates?.input)) return true;
  return billing.inputAudioTokens > 0 && facts.cacheReadTokens > 0 && differs(rates?.inputAudio, rates?.input);
}

/** More sound than there is of all: whoever counts so counts it beside the rest, or is wrong. */
function isBeyond(part: number, whole: number): boolean {
  return whole > 0 && part > whole;
}

function differs(special: Rate | undefined, plain: Rate | undefined): boolean {
  return special !== undefined && special.basePicoUsd !== plain?.basePicoUsd;
}

function charge(tokens: number, rate: Rate | undefined, given: bigint | undefined): Charge {
  return { quantity: BigInt(tokens), unit: 'one', rate, given: given !== undefined };
}
